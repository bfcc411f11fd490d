"""Times single layers of I3D and LI3D: convolutions by every lowering, pooling and batch norm.

    python tests/benchmarks/layers.py [--batch=4] [--frames=16] [--size=112] [--rounds=7]
        [--kinds=conv,pool,norm] [--only=mixed_3b] [--ynnpack]

Layers of the same shape are timed once, under the name of the first; --only selects those whose
name or description contains the text. All sides of a layer take turns in one process. Cells are
milliseconds, median (lowest to highest). Convolutions are timed forward, and in the gradients by
the input and by the kernel alone, from a given gradient of the output; other layers forward and
backward in one, because their gradients reuse values of the forward pass. Numbers are float32 on a
CPU, bfloat16 on a GPU, where a time is the mean of several queued calls. Memory is channels-last on
both sides. --ynnpack compiles ours by `jax.jit` instead of `devices.jit`, which on a CPU means
YNNPACK's convolutions. Small layers require an idle machine: on busy cores PyTorch's threads wait
for each other far longer than they compute.

Columns: `n`, how often the shape occurs in I3D and in LI3D; GFLOP, of the whole batch, for each of
the passes; a column for each side, in bold the one that the model takes on this machine; `PyTorch`,
if it is installed, and its time divided by that of the side in bold, within each round: above 1
ours is faster. `apart`: the largest difference of a side's values from those of the first side,
divided by the largest value (in bfloat16: a ratio of norms). Where it exceeds the tolerance, 1e-4
in float32, the layer is named at the end and the exit status is 1. Not run: XLA's gradients of
strided 3D convolutions on a CPU, which take minutes. The totals are sums of medians over the layers
shown, each as often as it occurs.
"""

import argparse
import functools
import os
import statistics
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # the GPU is shared with PyTorch

import jax
import jax.numpy as jnp
import layer_passes
import layer_shapes
import numpy as np
import sides
from layer_passes import DTYPE, THEIRS
from layer_shapes import SYSTEMS, Layer

from jaxvid.runtime import devices

TOLERANCE = 1e-4 if jnp.float32 == DTYPE else 0.05
# In a row, so that a GPU is timed and not the way to it.
CALLS = 20 if jax.default_backend() == "gpu" else 1
SLOWER = 1.15
SAME_WHERE_MISSING = ("stacked", "winograd")  # programs that are then decomposed's
# In the order of the columns, but for PyTorch's.
SIDES = {
    "conv": ("native", "decomposed", "stacked", "winograd"),
    "pool": ("reduce_window", "ours"),
    "norm": ("flax", "ours"),
}


@dataclass(frozen=True)
class Timed:
    """A layer's pass as measured: the seconds of each side, and how far apart their values are."""

    layer: Layer
    counts: dict[str, int]
    name: str
    chosen: str
    seconds: dict[str, list[float]]
    apart: float

    def median(self, side: str) -> float:
        """Returns a side's median: decomposed's where a lowering is the same program."""
        if side in SAME_WHERE_MISSING and side not in self.seconds:
            side = "decomposed"
        return statistics.median(self.seconds[side]) if side in self.seconds else float("nan")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--frames", type=int, default=16)
    parser.add_argument("--size", type=int, default=112)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--kinds", default=",".join(SIDES))
    parser.add_argument("--only", default="")
    parser.add_argument("--ynnpack", action="store_true")
    arguments = parser.parse_args()
    compiled = jax.jit if arguments.ynnpack else devices.jit
    print(f"{jax.devices()[0].device_kind}, {DTYPE}, JAX {jax.__version__}", flush=True)
    if layer_passes.torch_layers is None:
        print("PyTorch is not installed: its column is left out")
    found = layer_shapes.collect(arguments.batch, arguments.frames, arguments.size)
    too_far: list[str] = []
    for kind in arguments.kinds.split(","):
        timed: list[Timed] = []
        for layer, counts in found.items():
            if layer.kind == kind and arguments.only in f"{layer.name} {layer}":
                timed += _measure(layer, counts, arguments.rounds, compiled)
                jax.clear_caches()
        if timed:
            print(f"\n{_table(kind, timed)}\n")
            print("".join(f"- {line}\n" for line in _slower(timed)), end="", flush=True)
        too_far += [f"{each.layer}, {each.name}" for each in timed if not each.apart <= TOLERANCE]
    if too_far:
        sys.exit(f"further apart than {TOLERANCE}: {'; '.join(too_far)}")


def _measure(
    layer: Layer, counts: dict[str, int], rounds: int, compiled: Callable
) -> Iterator[Timed]:
    works = layer_passes.works_of(layer, compiled)
    names = list(works.sides[works.chosen])
    has = {name: [side for side in works.sides if name in works.sides[side]] for name in names}
    apart = {}
    for name in names:
        reference, *others = (works.value(layer, side, name) for side in has[name])
        apart[name] = max((_distance(value, reference) for value in others), default=0.0)
    turns = {
        f"{name} of {side}": functools.partial(_run, works.sides[side][name])
        for name in names
        for side in has[name]
    }
    taken = sides.take_turns(turns, rounds)
    for name in names:
        seconds = {
            side: [each / CALLS for each in taken[f"{name} of {side}"]] for side in has[name]
        }
        yield Timed(layer, counts, name, works.chosen, seconds, apart[name])


def _run(work: Callable[[], Any]) -> None:
    for _ in range(CALLS):
        value = work()
    layer_passes.finish(value)


def _distance(value: np.ndarray, reference: np.ndarray) -> float:
    if jnp.float32 == DTYPE:
        return float(np.abs(value - reference).max() / np.abs(reference).max())
    return float(np.linalg.norm(value - reference) / np.linalg.norm(reference))


def _columns(kind: str) -> list[str]:
    return [*SIDES[kind], *([THEIRS] if layer_passes.torch_layers is not None else [])]


def _table(kind: str, timed: list[Timed]) -> str:
    columns = _columns(kind)
    compares = THEIRS in columns
    rows = []
    for each in timed:
        cells = [_cell(each, side) for side in columns]
        if compares:
            cells.append(sides.ratio(each.seconds[THEIRS], each.seconds[each.chosen]))
        counts = " ".join(str(each.counts[system]) for system in SYSTEMS)
        work = f"{each.layer.gflop:.2f}" if kind == "conv" else ""
        named = [each.layer.name, str(each.layer), counts, work, each.name]
        rows.append([*named, *cells, f"{each.apart:.0e}"])
    names = dict.fromkeys(each.name for each in timed)
    for system in SYSTEMS:
        rows += [_total(kind, timed, system, {name}) for name in names]
        if len(names) > 1 and kind == "conv":
            rows.append(_total(kind, timed, system, set(names)))
    header = ["first layer", "shape", "n", "GFLOP", "pass", *columns]
    return sides.table([*header, *(["PyTorch / ours"] if compares else []), "apart"], rows)


def _cell(each: Timed, side: str) -> str:
    if side not in each.seconds:
        return "as decomposed" if side in SAME_WHERE_MISSING else "not run"
    shown = sides.milliseconds(each.seconds[side])
    return f"**{shown}**" if side == each.chosen else shown


def _total(kind: str, timed: list[Timed], system: str, names: set[str]) -> list[str]:
    chosen = [each for each in timed if each.name in names]
    times = [each.counts[system] for each in chosen]

    def total(medians: list[float]) -> float:
        return sum(n * median for n, median in zip(times, medians, strict=True) if n)

    columns = {side: total([each.median(side) for each in chosen]) for side in _columns(kind)}
    cells = ["not run" if np.isnan(sum_) else f"{1e3 * sum_:.1f}" for sum_ in columns.values()]
    if THEIRS in columns:
        ours = total([each.median(each.chosen) for each in chosen])
        cells.append(f"**{columns[THEIRS] / ours:.2f}**" if ours else "")
    work = sum(n * each.layer.gflop for n, each in zip(times, chosen, strict=True))
    shown = f"{work:.1f}" if kind == "conv" else ""
    name = "all" if len(names) > 1 else next(iter(names))
    count = str(sum(times) // len(names))
    return [f"**total of {system}**", "", count, shown, name, *cells, ""]


def _slower(timed: list[Timed]) -> Iterator[str]:
    """Yields a line where another of our sides is clearly faster than the chosen one."""
    for each in timed:
        ours = each.median(each.chosen)
        for side in each.seconds:
            if side != THEIRS and ours > SLOWER * each.median(side):
                times = f"{ours / each.median(side):.2f} times as long as {side}"
                yield f"{each.layer.name}, {each.layer}, {each.name}: {each.chosen} takes {times}"


if __name__ == "__main__":
    main()
