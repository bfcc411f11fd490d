"""A model of data-parallel training on many GPUs: when the network, the input, or the disk limits.

    python tests/benchmarks/scaling_model.py [--config=li3d_bilstm:ucf101] [--classes=101]
        [--gpus=8,64,512] [--clips=16] [--rate=235] [--overlap] [--record=BYTES] [--decoding=RATE]
        ...

From the config come the parameters, the FLOPs and the bytes of a clip on its way to the device and
of the state in a checkpoint; from the program compiled for two simulated devices
(`collectives.py`) the all-reduces and their bytes. The defaults of `--stored` and `--record` are
from `clip_bytes.py`, that of `--decoding` from `pipeline.py`, that of `--rate` is what one H100
reached (docs/performance.md). All other flags are assumptions, not measurements, which `--help`
states. Several GPUs have run none of this.

An all-reduce in a ring sends 2 (n - 1) / n times its bytes over the slowest link and takes
2 (n - 1) steps of latency; a ring that passes through several machines has one link into each of
them. In a tree it sends twice its bytes and takes 2 log2(n) steps. Each takes the quicker of both,
as libraries choose by size; the table also has batch norm in rings. Nothing of batch norm overlaps
with computing, as layers wait for the sums; gradients do with `--overlap`, behind the two thirds of
the computing that are the backward pass. An all-reduce that carries both counts once for each. A
minute or two on two cores.
"""

import argparse
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass

import sides

BACKWARD = 2 / 3  # of a step's computing


@dataclass(frozen=True)
class Step:
    """What a config says of a training step.

    `gradients` and `norms`: the bytes of each all-reduce that carries some.
    """

    parameters: int
    flops: int  # of a clip, forward and backward
    clip: int  # bytes of a clip as it is sent to the device
    state: int  # bytes of a checkpoint's arrays
    gradients: tuple[int, ...]
    norms: tuple[int, ...]


def link(arguments: argparse.Namespace, gpus: int) -> tuple[float, float]:
    """Returns the bytes a second and the seconds of latency of the slowest link among the GPUs."""
    if gpus <= arguments.gpus_per_machine:
        return arguments.inside * 1e9, arguments.latency_inside * 1e-6
    return (
        min(arguments.inside, arguments.between) * 1e9,
        max(arguments.latency_inside, arguments.latency_between) * 1e-6,
    )


def ring(nbytes: int, gpus: int, bandwidth: float, latency: float) -> float:
    """Returns the seconds of an all-reduce in a ring."""
    return 2 * (gpus - 1) * (nbytes / gpus / bandwidth + latency)


def tree(nbytes: int, gpus: int, bandwidth: float, latency: float) -> float:
    """Returns the seconds of an all-reduce in a tree, up and down."""
    return 2 * (nbytes / bandwidth * (gpus > 1) + math.ceil(math.log2(gpus)) * latency)


def together(sizes: Sequence[int], gpus: int, bandwidth: float, latency: float) -> float:
    """Returns the seconds of several, one after the other, each in what is quicker."""
    return sum(min(way(size, gpus, bandwidth, latency) for way in (ring, tree)) for size in sizes)


def model(arguments: argparse.Namespace, step: Step, gpus: int) -> dict[str, str]:
    """Returns what limits a step on so many GPUs, by name."""
    bandwidth, latency = link(arguments, gpus)
    computing = arguments.clips / arguments.rate
    gradients = together(step.gradients, gpus, bandwidth, latency)
    hidden = min(gradients, BACKWARD * computing) if arguments.overlap else 0.0
    norms = together(step.norms, gpus, bandwidth, latency)
    rings = sum(ring(size, gpus, bandwidth, latency) for size in step.norms)
    seconds = computing + gradients - hidden + norms
    clips = gpus * arguments.clips / seconds
    machines = math.ceil(gpus / arguments.gpus_per_machine)
    read = clips * arguments.record
    steps = arguments.videos / (gpus * arguments.clips)
    return {
        "clips of a step": f"{gpus * arguments.clips:,}",
        "computing, ms": _ms(computing),
        "gradients, MB a GPU sends": f"{2 * (gpus - 1) / gpus * sum(step.gradients) / 1e6:.1f}",
        "gradients, ms": _ms(gradients),
        "batch norm, ms": _ms(norms),
        "batch norm in rings, ms": _ms(rings),
        "step, ms": _ms(seconds),
        "share of the step that is computing": f"{computing / seconds:.0%}",
        "clips/s": f"{clips:,.0f}",
        "read from storage, MB/s": f"{read / 1e6:,.0f}",
        "of it by a machine, MB/s": f"{read / machines / 1e6:,.0f}",
        "to the devices of a machine, MB/s": f"{clips * step.clip / machines / 1e6:,.0f}",
        "cores that decode, a machine": f"{clips / arguments.decoding / machines:,.0f}",
        "an epoch, s": f"{steps * seconds:,.1f}",
        "steps of an epoch": f"{steps:,.0f}",
        "a checkpoint, s": f"{step.state / (arguments.disk * 1e9):.2f}",
        "gradients take a tenth from, clips/s a GPU": _bites(arguments, gradients),
        "batch norm takes a tenth from, clips/s a GPU": _bites(arguments, norms),
        "decoding limits from, clips/s a GPU": _limit(
            arguments.cores * machines * arguments.decoding / gpus
        ),
        "shared storage limits from, clips/s a GPU": _limit(
            arguments.storage * 1e9 / arguments.record / gpus
        ),
        "local disks limit from, clips/s a GPU": _limit(
            arguments.disk * 1e9 * machines / arguments.record / gpus
        ),
    }


def _bites(arguments: argparse.Namespace, seconds: float) -> str:
    return _limit(arguments.clips / (9 * seconds)) if seconds else "never"


def _limit(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 10 else f"{rate:.1f}"


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:.2f}" if seconds < 0.1 else f"{1000 * seconds:.0f}"


def inputs(arguments: argparse.Namespace) -> Step:
    """Returns what the config and its program, compiled for two simulated devices, say."""
    import collectives  # after the flags are set
    import jax

    from jaxvid import models
    from jaxvid.config import files as config_files
    from jaxvid.experiment import flops
    from jaxvid.experiment.network import open_network
    from jaxvid.models.layers.conv import FASTEST

    config = config_files.load(arguments.config)
    config.model.lowering = FASTEST["gpu"]
    config.train.dtype = "float32"
    lowered, state = collectives.lower(config, arguments.classes, 1)
    found = collectives.read(lowered.compile().as_text())
    batch_norms = collectives.norms(state.variables)
    norms = collectives.sizes(found, batch_norms, "batch norm forward", "batch norm backward")
    network = open_network(config, arguments.classes)
    return Step(
        parameters=models.count_parameters(state.params),
        flops=flops.training_flops(network),
        clip=sum(math.prod(shape) for shape in network.clip_shapes.values()),
        state=sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(state.trees)),
        gradients=collectives.sizes(found, batch_norms, "gradients"),
        norms=norms,
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )

    def add(name: str, default: object, meaning: str) -> None:
        parser.add_argument(f"--{name}", type=type(default), default=default, help=meaning)

    add("config", "li3d_bilstm:ucf101", "as for jaxvid.main")
    add("classes", 101, "of the classifier")
    add("gpus", "8,64,512", "numbers of GPUs")
    add("clips", 16, "of a step, for each GPU")
    add("rate", 235.0, "clips/s that a GPU trains on alone; one H100 did")
    add("gpus-per-machine", 8, "assumed")
    add("inside", 200.0, "GB/s of a GPU's link within a machine; assumed")
    add("between", 25.0, "GB/s of a machine's link to another one; assumed")
    add("latency-inside", 5.0, "microseconds of a step within a machine; assumed")
    add("latency-between", 10.0, "microseconds of a step between machines; assumed")
    add("cores", 96, "of a machine, for decoding; assumed")
    add("storage", 20.0, "GB/s of the shared storage, over all machines; assumed")
    add("disk", 2.0, "GB/s of a machine's own disk; assumed")
    add("videos", 240_000, "of an epoch; assumed, about those of Kinetics-400")
    add("stored", 5_500_000, "bytes stored of a video, by clip_bytes.py")
    add("record", 2_100_000, "bytes read for a clip, by clip_bytes.py")
    add("decoding", 15.0, "clips/s that a core reads and decodes, by pipeline.py")
    parser.add_argument("--overlap", action="store_true", help="gradients with the backward pass")
    arguments = parser.parse_args()
    os.environ["JAX_PLATFORMS"] = "cpu"
    os.environ["XLA_FLAGS"] = (  # optimisation comes after the collectives are decided
        "--xla_force_host_platform_device_count=2 --xla_backend_optimization_level=0"
    )
    step = inputs(arguments)
    print(describe(arguments, step))


def describe(arguments: argparse.Namespace, step: Step) -> str:
    """Returns the inputs, the assumptions and the table."""
    flops = arguments.rate * step.flops / 1e12
    said = ", ".join(f"{name}={value}" for name, value in vars(arguments).items())
    counts = [int(count) for count in arguments.gpus.split(",")]
    columns = [model(arguments, step, count) for count in counts]
    rows = [[name, *(column[name] for column in columns)] for name in columns[0]]
    return "\n".join(
        [
            f"\n{step.parameters:,} parameters; {step.flops / 1e9:,.0f} GFLOP a clip, so that "
            f"{arguments.rate:g} clips/s are {flops:.1f} TFLOP/s; clip {step.clip / 1e6:.2f} MB; "
            f"checkpoint {step.state / 1e6:,.1f} MB",
            f"all-reduces: {len(step.gradients)} with gradients, {sum(step.gradients):,} bytes; "
            f"{len(step.norms)} with batch norm, {sum(step.norms):,} bytes",
            f"taken: {said}\n",
            sides.table(["GPUs", *map(str, counts)], rows),
            f"\nall {arguments.videos:,} records: {arguments.videos * arguments.stored / 1e12:.2f}"
            " TB",
        ]
    )


if __name__ == "__main__":
    main()
