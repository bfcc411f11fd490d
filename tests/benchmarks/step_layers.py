"""Divides the time of a training step by layer, from the device's own trace of it.

    python tests/benchmarks/step_layers.py [--systems=i3d,li3d_bilstm] [--batch=4] [--frames=16]
        [--size=112] [--lowerings=auto] [--steps=3]
    python tests/benchmarks/step_layers.py --batch=16 --frames=64 --size=224 \
        --lowerings=stacked,native  # on a GPU

At the papers' width on random clips. A step of each lowering is compiled, run and traced. The time
of an operation counts for the layer whose code it comes from, forward or backward; fused operations
count for the last of them, and those without a place are `other`. `products` are convolutions and
matrix products with what the library does around them (such as padding of channels), `rest` is
everything else: batch norm, pooling, copies between layouts, the optimiser. On a CPU operations run
side by side, and their sum exceeds the step's time.
"""

import argparse
import collections
import gzip
import json
import re
import statistics
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import jax
import our_step
import sides
from our_step import Ours

INSTRUCTION = re.compile(r'\s*(?:ROOT )?%?([\w.\-]+) = .*op_name="([^"]*)"')
MODULE = re.compile(r"\(Recognizer\)\)?/(.*)")
LIBRARY = re.compile(r"convolution|cudnn|cutlass|cublas|xmma|nvjet|gemm", re.IGNORECASE)
PRODUCTS = ("conv_general_dilated", "dot_general")
COLUMNS = ("products forward", "products backward", "rest forward", "rest backward")

Milliseconds = dict[str, list[float]]  # by layer, in the order of the columns


@dataclass(frozen=True)
class Operation:
    """An operation in a trace: its name in the program, its kernel's name, and its time."""

    instruction: str
    kernel: str
    milliseconds: float


def by_layer(operations: Iterable[Operation], program: str) -> Milliseconds:
    """Adds up times by layer. `program`: the compiled program as text, which names the layers."""
    written = {}
    for line in program.splitlines():
        if found := INSTRUCTION.match(line):
            # A GPU's kernels have this name, in which a dot is not allowed.
            written[found[1]] = written[found[1].replace(".", "_")] = found[2]
    total: Milliseconds = collections.defaultdict(lambda: [0.0] * len(COLUMNS))
    for each in operations:
        name = written.get(each.instruction) or written.get(each.kernel, "")
        *inside, primitive = name.split("/")
        module = MODULE.search("/".join(inside))
        # Functions such as jit(_pad) stand among the modules.
        modules = [part for part in module[1].split("/") if "(" not in part] if module else []
        layer = "/".join(modules[:2]) or "other"
        product = primitive in PRODUCTS or LIBRARY.search(each.kernel + each.instruction)
        column = (0 if product else 2) + ("transpose(" in name)
        total[layer][column] += each.milliseconds
    return dict(total)


def traced(ours: Ours, steps: int) -> Iterator[Operation]:
    """Takes some steps and yields their operations, each with its share of one step."""
    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder):
            for _ in range(steps):
                ours.step()
        (file,) = Path(folder).rglob("*.trace.json.gz")
        events = json.loads(gzip.decompress(file.read_bytes()))["traceEvents"]
    for event in events:
        instruction = event.get("args", {}).get("hlo_op")
        if event.get("ph") == "X" and instruction:
            yield Operation(instruction, event["name"], event["dur"] / 1e3 / steps)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--systems", default="i3d,li3d_bilstm")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--frames", type=int, default=16)
    parser.add_argument("--size", type=int, default=112)
    parser.add_argument("--lowerings", default="auto")
    parser.add_argument("--steps", type=int, default=3)
    arguments = parser.parse_args()
    clips, labels = our_step.draw(arguments.batch, arguments.frames, arguments.size)
    print(f"{jax.devices()[0].device_kind}, JAX {jax.__version__}; clips {clips.shape}\n")
    for system in arguments.systems.split(","):
        for lowering in arguments.lowerings.split(","):
            ours = Ours(system, lowering, clips, labels)
            ours.step()
            taken = [_seconds(ours) for _ in range(arguments.steps)]
            found = by_layer(traced(ours, arguments.steps), ours.compiled.as_text())
            print(f"{system}, {lowering}: a step takes {1e3 * statistics.median(taken):.1f} ms\n")
            print(table(found) + "\n", flush=True)


def _seconds(ours: Ours) -> float:
    start = time.perf_counter()
    ours.step()
    return time.perf_counter() - start


def table(found: Milliseconds) -> str:
    """Returns milliseconds by layer as a Markdown table."""
    rows = [[layer, *values, sum(values)] for layer, values in sorted(found.items())]
    sums = [sum(column) for column in zip(*(row[1:] for row in rows), strict=True)]
    rows.append(["**all**", *sums])
    shown = [[name, *(f"{value:.2f}" for value in values)] for name, *values in rows]
    return sides.table(["layer, ms", *COLUMNS, "all"], shown)


if __name__ == "__main__":
    main()
