"""The collectives of a training step: read from the program that XLA made of it, and run alone."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.sharding import NamedSharding, PartitionSpec
from ml_collections import ConfigDict

from jaxvid.data import loading
from jaxvid.data.clip_cutting import as_clip
from jaxvid.experiment.data import PreparedData
from jaxvid.experiment.experiment import Experiment
from jaxvid.experiment.network import open_network
from jaxvid.runtime import devices
from jaxvid.training.trainer import Trainer

KINDS = (
    *("all-reduce", "all-gather", "reduce-scatter", "all-to-all"),
    *("collective-permute", "collective-broadcast"),
)
TYPES = {"f32": jnp.float32, "bf16": jnp.bfloat16, "f16": jnp.float16, "s32": jnp.int32}
PURPOSES = ("gradients", "batch norm forward", "batch norm backward", "rest")
RECOMPUTED = "rematted_computation/"  # in the names of what model.remat computes again

_COLLECTIVE = re.compile(rf" = (.+?) ({'|'.join(KINDS)})(-start)?\(")
_ARRAY = re.compile(r"\b([a-z]+\d*)\[([\d,]*)\]")
_HEADER = re.compile(r"^(ENTRY )?%?([\w.\-]+) \(.*\{$")
_CALLED = re.compile(r"(body|condition|calls|to_apply)=%?([\w.\-]+)")
_BRANCHES = re.compile(r"branch_computations=\{([^}]*)\}")
_TRIPS = re.compile(r'"known_trip_count":\{"n":"(\d+)"\}')
_NAME = re.compile(r'op_name="([^"]*)"')


@dataclass(frozen=True)
class Array:
    """One of the arrays that a collective gives: its type, shape, and the operation it is from."""

    dtype: str
    shape: tuple[int, ...]
    name: str

    @property
    def nbytes(self) -> int:
        bits = int(re.sub(r"\D", "", self.dtype) or 8)
        elements = 1
        for length in self.shape:
            elements *= length
        return elements * bits // 8


@dataclass(frozen=True)
class Collective:
    """A collective of a program. `times`: how often a run of it does this, more in a loop."""

    kind: str
    arrays: tuple[Array, ...]
    times: int


class WithoutVideos(PreparedData):
    """The data of an experiment whose dataset is not available: nothing is decoded."""

    def clips(self, split: str) -> list[Any]:
        """Returns as many places as an epoch of one step has clips."""
        return [None] * self.config.train.batch_size


def lower(config: ConfigDict, classes: int, per_device: int) -> tuple[Any, Any]:
    """Returns the training step lowered for all devices, and its state as shapes.

    It is the Trainer's own step, on `per_device` clips for each; no array of its state or batch is
    allocated.
    """
    config = config.copy_and_resolve_references()
    config.train.batch_size = config.eval.batch_size = per_device * jax.device_count()
    network = open_network(config, classes)
    dataset = loading.without_videos(config, tuple(map(str, range(classes))))
    trainer = Trainer(Experiment(network, WithoutVideos(config, dataset, source=None)), Path())

    def placed(leaf: jax.ShapeDtypeStruct, sharding: Any) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding)

    state = jax.tree.map(placed, trainer.shapes, trainer.layout)
    size = config.train.batch_size
    clips = {
        name: jax.ShapeDtypeStruct((size, *shape), jnp.float32 if name == "skeleton" else jnp.uint8)
        for name, shape in network.clip_shapes.items()
    }
    batch = {"clip": as_clip(clips), "label": jax.ShapeDtypeStruct((size,), jnp.int32)}
    batch = jax.tree.map(lambda leaf: placed(leaf, network.devices.batch), batch)
    return trainer.compile_step().lower(state, batch, trainer.key), trainer.shapes


def read(program: str) -> list[Collective]:
    """Returns the collectives in the text of a compiled program, in the order they stand there.

    Raises ValueError for one in a loop whose length the program does not say.
    """
    times = _times_of_computations(program)
    found, computation = [], ""
    for line in program.splitlines():
        if header := _HEADER.match(line):
            computation = header[2]
        elif match := _COLLECTIVE.search(line):
            if times[computation] is None:
                raise ValueError(f"a {match[2]} in a loop whose length is not known: {line}")
            shapes = [
                (dtype, tuple(int(n) for n in lengths.split(",") if n))
                for dtype, lengths in _ARRAY.findall(match[1])
            ]
            name = _NAME.search(line)
            names = _each_name(name[1] if name else "")
            if len(names) == 1:  # equal names are said once
                names *= len(shapes)
            arrays = [Array(*shape, n) for shape, n in zip(shapes, names, strict=True)]
            found.append(Collective(match[2], tuple(arrays), times[computation]))
    return found


def _times_of_computations(program: str) -> dict[str, int | None]:
    """Returns how often a run does each computation, None where nothing says it."""
    callers: dict[str, list[tuple[str, int | None]]] = {}
    entry = computation = ""
    for line in program.splitlines():
        if header := _HEADER.match(line):
            computation = header[2]
            callers.setdefault(computation, [])
            entry = computation if header[1] else entry
            continue
        trips = _TRIPS.search(line)
        for role, called in _CALLED.findall(line):
            loops = role in ("body", "condition")
            often = (int(trips[1]) if trips else None) if loops else 1
            callers.setdefault(called, []).append((computation, often))
        for branches in _BRANCHES.findall(line):
            for called in re.findall(r"[\w.\-]+", branches):
                callers.setdefault(called, []).append((computation, 1))
    times: dict[str, int | None] = {entry: 1}

    def of(name: str) -> int | None:
        if name not in times:
            parts = [(of(caller), often) for caller, often in callers[name]]
            known = all(a is not None and b is not None for a, b in parts)
            times[name] = sum(a * b for a, b in parts) if known else None
        return times[name]

    return {name: of(name) for name in callers}


def _each_name(name: str) -> list[str]:
    """Takes apart the name of collectives that XLA made one: `a/(b:c)` is `a/b` and `a/c`."""
    start = name.find("/(")
    if start < 0 or not name.endswith(")"):
        return [name]
    depth, begin, parts = 0, start + 2, []
    for place in range(start + 2, len(name)):
        letter = name[place]
        if depth == 0 and letter in ":)":
            parts.append(name[begin:place])
            begin = place + 1
        depth += (letter == "(") - (letter == ")")
    return [each for part in parts for each in _each_name(f"{name[:start]}/{part}")]


def norms(variables: Any) -> set[str]:
    """Returns the names of a model's batch norms, as operations have them: `backbone/c/norm`."""
    leaves = jax.tree_util.tree_leaves_with_path(variables["batch_stats"])
    return {"/".join(key.key for key in path[:-1]) for path, _ in leaves}


def purpose(array: Array, batch_norms: set[str]) -> str:
    """Returns which of PURPOSES an array is for, by the operation that it is from."""
    backward = "transpose(" in array.name and RECOMPUTED not in array.name
    name = array.name.replace(RECOMPUTED, "").replace("checkpoint/", "")  # of jax.checkpoint
    if any(f"/{norm}/" in name for norm in batch_norms):
        return PURPOSES[2] if backward else PURPOSES[1]
    return PURPOSES[0] if backward else PURPOSES[3]


def totals(found: Sequence[Collective], batch_norms: set[str]) -> dict[str, dict[str, int]]:
    """Returns for each purpose the collectives that carry it, its arrays and their bytes, a step.

    XLA makes one collective of several, for different purposes too: it counts for each of them.
    """
    counted = {name: Counter(collectives=0, arrays=0, bytes=0) for name in PURPOSES}
    for collective in found:
        purposes = [purpose(array, batch_norms) for array in collective.arrays]
        for array, name in zip(collective.arrays, purposes, strict=True):
            counted[name]["arrays"] += collective.times
            counted[name]["bytes"] += collective.times * array.nbytes
        for name in set(purposes):
            counted[name]["collectives"] += collective.times
    return {name: dict(counts) for name, counts in counted.items()}


def sizes(found: Sequence[Collective], batch_norms: set[str], *purposes: str) -> tuple[int, ...]:
    """Returns the bytes for some purposes of each collective of a step that carries any."""
    each = [
        sum(array.nbytes for array in collective.arrays if purpose(array, batch_norms) in purposes)
        for collective in found
        for _ in range(collective.times)
    ]
    return tuple(size for size in each if size)


def alone(
    found: Sequence[Collective], mesh: jax.sharding.Mesh, silent: bool = False
) -> Callable[[], None]:
    """Returns a function that runs these collectives and nothing else, one after the other.

    Every device has arrays of zeros of its own. `silent`: the same program without the collectives.
    Raises ValueError for other kinds than all-reduces, and where XLA makes others of them.
    """
    kinds = {collective.kind for collective in found}
    if kinds - {"all-reduce"}:
        raise ValueError(f"only all-reduces are run alone here, not {', '.join(sorted(kinds))}")
    each = [collective.arrays for collective in found for _ in range(collective.times)]

    def run(values: Any) -> Any:
        read = jnp.zeros(())  # of every array something, so that XLA leaves out none of them
        for arrays in values:
            # Each waits for the one before, so that XLA does not make one of them all.
            arrays, read = lax.optimization_barrier((arrays, read))
            arrays = arrays if silent else lax.psum(arrays, mesh.axis_names)
            read += sum(array.ravel()[0].astype(read.dtype) for array in arrays)
        return read

    everywhere = PartitionSpec()
    divided = jax.shard_map(
        run, mesh=mesh, in_specs=everywhere, out_specs=everywhere, check_vma=False
    )
    values = [[np.zeros(array.shape, TYPES[array.dtype]) for array in arrays] for arrays in each]
    values = jax.device_put(values, NamedSharding(mesh, everywhere))
    compiled = devices.jit(divided).lower(values).compile()
    made = read(compiled.as_text())
    if sorted(_shapes(c.arrays) for c in made) != sorted(map(_shapes, [] if silent else each)):
        raise ValueError(f"XLA made {len(made)} collectives of {len(each)}, or of other shapes")
    return lambda: jax.block_until_ready(compiled(values)) and None


def _shapes(arrays: Sequence[Array]) -> list[tuple[str, tuple[int, ...]]]:
    return sorted((array.dtype, array.shape) for array in arrays)
