"""What the devices of a data-parallel training step tell each other, by their number.

    python tests/benchmarks/scaling.py [--config=li3d_bilstm:ucf101] [--classes=101] [--clips=2]
        [--devices=1,2,4,8] [--rounds=30] [--lowering=native] [--dtype=float32]
        [--set=FIELD=VALUE ...]

Weak scaling: as many clips for every device (`--clips`), whatever their number. `--set` changes the
config: `--set=train.accumulate=2`, `--set=model.remat=True`, `--set=train.freeze_batch_norm=True`.
The devices are CPU devices that XLA simulates, in a process of its own for each number. There the
Trainer's own step is lowered and compiled for all of them, at the config's scale, without data and
without an array: nothing is trained. The first table is read from the compiled program: its
collectives, those in loops as often as the loop runs, by what their arrays are for
(`collectives.py`). A collective that XLA made of several counts for each purpose, and once for all
of them. "rest" is the loss and the accuracy.

The second table is the time of these collectives alone: a program of the same all-reduces, one
after the other, beside the same program without them. What it shows: that their number and size
are as read, run, and what they cost where nothing else does. What it does not: a network. The
simulated devices are threads that share one memory and this machine's cores, so that the time grows
with their number for want of cores; `scaling_model.py` says what real links make of the first
table.

`--lowering=native` is XLA's own and that of TPUs, `stacked` that of GPUs; `auto` is Winograd's on
these devices, which adds up kernels over time as six products instead of three taps. About a minute
of work for each number of devices, and two copies of the gradients in memory for each device: 9 GiB
for deep_fusion on four.
"""

import argparse
import ast
import json
import os
import subprocess
import sys
from typing import Any

import sides


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", default="li3d_bilstm:ucf101")
    parser.add_argument("--classes", type=int, default=101)
    parser.add_argument("--clips", type=int, default=2)
    parser.add_argument("--devices", default="1,2,4,8")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--lowering", default="native")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        print(json.dumps(measure(arguments)))
        return
    measured = {}
    for count in sorted(int(count) for count in arguments.devices.split(",")):
        measured[count] = in_a_process(count)
        print(f"{count} devices compiled and timed", file=sys.stderr, flush=True)
    print(describe(arguments, measured))


def in_a_process(count: int) -> dict[str, Any]:
    """Returns what `measure` returns on so many simulated devices."""
    # Optimisation of machine code comes after the collectives are decided, and takes longest.
    flags = f"--xla_force_host_platform_device_count={count} --xla_backend_optimization_level=0"
    ran = subprocess.run(
        [sys.executable, __file__, "--worker", *sys.argv[1:]],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"},
    )
    if ran.returncode:
        sys.exit(ran.returncode)
    return json.loads(ran.stdout.splitlines()[-1])


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Returns the collectives of the step on this process's devices, and the times of them alone.

    `totals` by purpose, `count` of collectives a step, `parameters`, and for each of `with` and
    `without` them the seconds of each round.
    """
    import collectives  # after the flags are set

    from jaxvid import models
    from jaxvid.config import files as config_files
    from jaxvid.runtime import devices

    config = config_files.load(arguments.config)
    config.model.lowering = arguments.lowering
    config.train.dtype = arguments.dtype
    for field, _, value in (pair.partition("=") for pair in arguments.set):
        config.update_from_flattened_dict({field: ast.literal_eval(value)})
    lowered, state = collectives.lower(config, arguments.classes, arguments.clips)
    found = collectives.read(lowered.compile().as_text())
    mesh = devices.Devices().mesh
    runs = {
        "with": collectives.alone(found, mesh),
        "without": collectives.alone(found, mesh, silent=True),
    }
    return {
        "totals": collectives.totals(found, collectives.norms(state.variables)),
        "kinds": sorted({collective.kind for collective in found}),
        "count": sum(collective.times for collective in found),
        "parameters": models.count_parameters(state.params),
        **sides.take_turns(runs, arguments.rounds, warm_up=5),
    }


def describe(arguments: argparse.Namespace, measured: dict[int, dict[str, Any]]) -> str:
    """Returns both tables."""
    groups: dict[str, list[int]] = {}
    for count, each in measured.items():
        groups.setdefault(json.dumps([each["totals"], each["count"], each["kinds"]]), []).append(
            count
        )
    lines = [
        f"\n{arguments.config}, {arguments.classes} classes, {arguments.clips} clips a device, "
        f"{', '.join([arguments.lowering + ' lowering', arguments.dtype, *arguments.set])}"
    ]
    for counts in groups.values():
        each = measured[counts[0]]
        size = 4 * each["parameters"]
        lines.append(
            f"\nOn {', '.join(map(str, counts))} device(s): {each['count']} collectives a step "
            f"({', '.join(each['kinds']) or 'none'}); {each['parameters']:,} parameters, "
            f"{size:,} bytes in float32\n"
        )
        rows = [
            [name, *(f"{totals[what]:,}" for what in ("collectives", "arrays", "bytes"))]
            for name, totals in each["totals"].items()
        ]
        lines.append(sides.table(["for", "collectives", "arrays", "bytes"], rows))
    header = ["devices", "collectives alone, ms", "the program without them, ms"]
    rows = [
        [str(count), sides.milliseconds(each["with"]), sides.milliseconds(each["without"])]
        for count, each in measured.items()
    ]
    lines.append(f"\nMedian (lowest to highest) of {arguments.rounds} rounds\n")
    return "\n".join([*lines, sides.table(header, rows)])


if __name__ == "__main__":
    main()
