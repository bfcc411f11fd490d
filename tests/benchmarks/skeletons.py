"""What the four inputs of a skeleton reach, each alone and fused, over several seeds.

    python tests/benchmarks/skeletons.py --root=UTD-MHAD [--dataset=utd_mhad] [--seeds=5]
        [--output=runs/skeletons] [--write=docs/results/utd_mhad.json]

Trains st_gcn by its recipe for the dataset once for each seed and input, joint, bone, joint motion
and bone motion, fuses the four of each seed (jaxvid fuse), and writes the accuracies of every seed,
their mean, standard deviation, least and most as JSON. Runs that are there already are not
repeated: after an interruption the same command continues.
"""

import argparse
import json
import resource
import shlex
import statistics
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

INPUTS = ("joint", "bone", "joint_motion", "bone_motion")
FUSED = "fused"
SECONDS = "processor_seconds.json"  # beside the results of a run: what its training took


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", required=True)
    parser.add_argument("--dataset", default="utd_mhad")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--output", type=Path, default=Path("runs/skeletons"))
    parser.add_argument("--write", type=Path)
    arguments = parser.parse_args()
    config, rows = f"st_gcn:{arguments.dataset}", []
    for seed in range(arguments.seeds):
        folders = [arguments.output / f"{name}-seed-{seed}" for name in INPUTS]
        results = {}
        for name, folder in zip(INPUTS, folders, strict=True):
            fields = {"data.root": arguments.root, "data.skeleton_input": name, "seed": seed}
            flags = [f"--config.{field}={value}" for field, value in fields.items()]
            results[name] = run("train", config, folder, *flags)
        fused = arguments.output / f"{FUSED}-seed-{seed}"
        results[FUSED] = run("fuse", str(fused), fused, *map(str, folders))
        seconds = [seconds_of(folder) for folder in folders]
        accuracies = {name: result["accuracy"] for name, result in results.items()}
        rows.append({"seed": seed, **accuracies, "processor_seconds": seconds})
    found = {
        "command": f"jaxvid train {config} --config.data.skeleton_input=INPUT --config.seed=SEED",
        "date": date.today().isoformat(),
        "commit": output_of("git", "rev-parse", "--short", "HEAD"),
        "test_clips": results[FUSED]["num_clips"],
        "parameters": results["joint"]["parameters"],
        "config": recipe(arguments.output / f"joint-seed-{seed}" / "config.json"),
        "seeds": rows,
        **{name: spread([row[name] for row in rows]) for name in (*INPUTS, FUSED)},
    }
    print("| input | mean | sd | least | most |\n| --- | --- | --- | --- | --- |")
    for name in (*INPUTS, FUSED):
        print(f"| {name} | " + " | ".join(f"{100 * x:.1f} %" for x in found[name].values()) + " |")
    each = [seconds for row in rows for seconds in row["processor_seconds"] if seconds]
    print(f"processor seconds of a training: {min(each):.0f} to {max(each):.0f}")
    if arguments.write:
        arguments.write.parent.mkdir(parents=True, exist_ok=True)
        arguments.write.write_text(json.dumps(found, indent=1) + "\n")


def run(mode: str, what: str, folder: Path, *arguments: str) -> dict[str, Any]:
    """Runs a mode unless its results are in `folder`, and returns them."""
    results = folder / "results.json"
    if not results.is_file():
        workdir = [f"--workdir={folder}"] if mode == "train" else []
        command = [sys.executable, "-m", "jaxvid", mode, what, *workdir, *arguments]
        print(shlex.join(command), flush=True)
        before = processor_seconds()
        subprocess.run(command, check=True)
        (folder / SECONDS).write_text(f"{processor_seconds() - before:.1f}\n")
    return json.loads(results.read_text())


def seconds_of(folder: Path) -> float | None:
    """Returns the processor seconds of a training, None where it was interrupted."""
    path = folder / SECONDS
    return json.loads(path.read_text()) if path.is_file() else None


def processor_seconds() -> float:
    """Returns what this program's children have taken so far, on all cores."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def recipe(path: Path) -> dict[str, Any]:
    """Returns the fields of a run's config that are not the defaults, by dotted name."""
    from jaxvid.config import fields, files

    default, config = fields.flatten(fields.default()), fields.flatten(files.read(path))
    own = ("data.root", "data.cache", "data.skeleton_input", "seed")
    return {k: v for k, v in config.items() if v != default[k] and k not in own}


def spread(values: list[float]) -> dict[str, float]:
    deviation = statistics.stdev(values) if len(values) > 1 else 0.0
    found = {"mean": statistics.mean(values), "sd": deviation}
    return {**found, "least": min(values), "most": max(values)}


def output_of(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    main()
