"""Does a network learn new actions from fewer clips when it starts from a run on other actions?

    python tests/benchmarks/transfer.py [--clips=5] [--seeds=3] [--output=runs/transfer]

Trains LI3D-BiLSTM on five of the embedded dataset's ten classes, then, for every seed, on a few
clips of each of the other five, from that run and from scratch, for the same number of steps, and
scores both on all test clips of these five, whose actors no run has seen. The two halves have one
pair of classes each that differ by the order of frames alone. The seed draws the clips too. Runs
that are there already are not repeated.

Measured, five clips of each class, 100 steps of 16 clips: 56.7, 58.6 and 65.2 % from scratch, 79.0,
72.4 and 88.1 % from the source (97.6 % on its own five classes); means of 60.2 and 79.8 %. It takes
12 minutes of processor time once both halves are rendered and prepared.
"""

import argparse
import json
import shlex
import statistics
import subprocess
import sys
from pathlib import Path

SOURCE = ("Walk", "SitDown", "StandUp", "PunchStraight", "Kick")
TARGET = ("JumpingJack", "Wave", "PickUp", "PutDown", "PunchUppercut")
STEPS, BATCH = 100, 16


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--clips", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--output", type=Path, default=Path("runs/transfer"))
    arguments = parser.parse_args()
    source = train(arguments.output / "source", SOURCE)
    few = [
        f"--config.data.clips_per_class={arguments.clips}",
        f"--config.train.epochs={STEPS * BATCH / (arguments.clips * len(TARGET))}",
        "--config.train.eval_every=0.0",
    ]
    start = ["--config.init.source=workdir", f"--config.init.path={arguments.output / 'source'}"]
    rows = []
    for seed in range(arguments.seeds):
        name, seeded = f"{arguments.clips}-clips-seed-{seed}", [*few, f"--config.seed={seed}"]
        scratch = train(arguments.output / f"{name}-scratch", TARGET, *seeded)
        tuned = train(arguments.output / f"{name}-from-source", TARGET, *seeded, *start)
        if not scratch["step"] == tuned["step"] == STEPS:
            raise SystemExit(f"{scratch['step']} and {tuned['step']} steps: must be {STEPS}")
        rows.append((scratch["accuracy"], tuned["accuracy"]))
    print(f"\nThe source: {source['accuracy']:.1%} on its own five classes. After {STEPS} steps of")
    print(f"{BATCH} clips, top-1 on {tuned['num_clips']} test clips of the other five:\n")
    print(f"| {arguments.clips} clips of each class | from scratch | from the source |")
    print("| --- | --- | --- |")
    for seed, accuracies in enumerate(rows):
        print(f"| seed {seed} | " + " | ".join(f"{a:.1%}" for a in accuracies) + " |")
    means = (statistics.mean(column) for column in zip(*rows, strict=True))
    print("| mean | " + " | ".join(f"{mean:.1%}" for mean in means) + " |")


def train(workdir: Path, classes: tuple[str, ...], *flags: str) -> dict:
    """Runs a training unless its results are there, and returns them."""
    results = workdir / "results.json"
    if not results.is_file():
        command = [
            *(sys.executable, "-m", "jaxvid.main", "--config=li3d_bilstm"),
            *(f"--workdir={workdir}", f"--config.data.classes={classes}", *flags),
        ]
        print(shlex.join(command), flush=True)
        subprocess.run(command, check=True)
    return json.loads(results.read_text())


if __name__ == "__main__":
    main()
