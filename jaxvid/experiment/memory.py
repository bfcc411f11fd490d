"""Batches that fit in memory: how many clips go through a network at once.

The need of a clip is the compiler's own figure, of a program for one clip on each device. It is
compiled where a bound that costs nothing, the sum of all that the program computes, exceeds what
there is: a small network compiles no more than it runs.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import jax
from jax.extend.core import Jaxpr
from ml_collections import ConfigDict

from jaxvid.config import checks
from jaxvid.data.clip_cutting import as_clip
from jaxvid.errors import UserError
from jaxvid.experiment.flops import programs
from jaxvid.experiment.network import Network
from jaxvid.runtime import distributed, memory

MOST = 32  # clips of a batch that is chosen: larger ones are no faster
# What a chosen batch may take of a machine's memory, however much there is: on a CPU a clip is no
# faster in a batch (docs/performance.md), and with JAX, the weights and the videos that are being
# decoded, I3D on clips of 64x224x224 stays below 6 GiB.
HOST_BUDGET = 4 * 2**30
# On a CPU convolutions take memory beside the compiler's plan: I3D 0.31 GiB a clip, planned 0.22 in
# a batch and 0.29 alone, which is the figure that this multiplies.
SCRATCH = 1.2
DEVICE_SHARE = 0.9  # of a GPU's free memory, which is in pieces


@dataclass(frozen=True)
class Room:
    """One kind of memory, bytes for each device: what is free, and what a chosen batch may take.

    `plans`: how often the compiler's plan of a clip lies there; `batches`: how often the clip does.
    """

    free: int
    usual: int
    plans: float
    batches: int

    def need(self, planned: int, clip: int) -> int:
        """Returns the bytes that a clip takes here: its part of the plan, and `clip` bytes each."""
        return max(1, int(self.plans * planned) + self.batches * clip)


def rooms(
    host: int, device: int | None, sharing: int, parts: int, local: int, ahead: int
) -> list[Room]:
    """Returns the memories that a batch takes: the machine's, and the devices' if they have some.

    `host`, `device`: free bytes of the machine and of each device. `sharing`: processes of the run
    on this machine; `parts`: those of an array job, which may be there too; `local`: devices of
    this process. `ahead`: batches that lie in the machine's memory at a time.
    """
    free = host // (sharing * local)
    usual = min(free // (2 * parts), HOST_BUDGET // local)
    if device is None:
        return [Room(free, usual, SCRATCH, ahead)]
    # The batch that is computed, and the next one.
    return [Room(device, int(DEVICE_SHARE * device), 1, 2), Room(free, usual, 0, ahead)]


def wanted(asked: int, devices: int, most: int) -> int:
    """Returns the clips on each device if all fits: of a batch of `asked`, 0 for any size.

    `most`: the clips that there are, 0 if unknown. Batches are then no larger than a power of two
    for each device that holds them.
    """
    clips = asked // devices or _power_of_two(max(1, MOST // devices))
    return min(clips, 1 << (-(-most // devices) - 1).bit_length()) if most else clips


def _power_of_two(clips: int) -> int:
    return 1 << (clips.bit_length() - 1)


def batch_size(
    network: Network, program: Any, variables: Any, ahead: int, views: int = 1, most: int = 0
) -> int:
    """Returns how many clips of V views go at once through `program`, a jitted (variables, clips).

    The config's `eval.batch_size` or, if that is 0, as many as fit, at most `MOST`. `most`: the
    clips that there are, 0 if unknown; no more than those need to fit. `ahead`: batches that lie in
    the machine's memory at a time. The same in every process of a run. Raises UserError where they
    do not fit.
    """
    asked, devices = network.config.eval.batch_size, network.devices.mesh.size
    clips = wanted(asked, devices, most)
    one = _clips(network, devices, views)
    clip = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(one)) // devices
    there = _rooms(network, ahead)
    limits = [room.free if asked else room.usual for room in there]
    with naming(network.config, "eval.batch_size"):
        # Of the whole batch: where that is the one to run, JAX traces nothing twice.
        traced = program.trace(variables, _clips(network, clips * devices, views))
        if _fit(there, limits, bound(traced.jaxpr.jaxpr), clips * clip):
            return clips * devices
        plan = program.lower(variables, one).compile().memory_analysis()
    planned = plan.temp_size_in_bytes + plan.output_size_in_bytes
    fits = _fit(there, [room.free for room in there], planned, clip)
    if fits < (clips if asked else 1):
        tight = min(there, key=lambda room: room.free / room.need(planned, clip))
        raise UserError(
            refusal(asked, clips, fits, devices, tight.need(planned, clip), tight.free, views)
        )
    if asked:
        return clips * devices
    return devices * min(clips, _power_of_two(max(1, _fit(there, limits, planned, clip))))


def refusal(
    asked: int, clips: int, fits: int, devices: int, need: int, free: int, views: int
) -> str:
    """Returns the message on a batch with `clips` clips on each device, of which `fits` fit.

    `need`: bytes of a clip; `free`: bytes for each device.
    """
    clips = clips if asked else 1
    batch = f"{clips} clip{'s' * (clips > 1)}" + f" of {views} views" * (views > 1)
    where = f" on each of {devices} devices" if devices > 1 else ""
    if fits:
        remedy = f"{fits * devices} is the largest batch that fits; 0 takes as many as fit"
    elif views > 1:
        remedy = "none fits; take a smaller config.eval.views"
    else:
        remedy = "none fits; use a machine with more memory, or close other programs"
    return (
        f"config.eval.batch_size={asked}: {batch}{where} need {gib(clips * need)}, and "
        f"{gib(free)} are free: {remedy}"
    )


def _fit(there: Sequence[Room], limits: Sequence[int], planned: int, clip: int) -> int:
    """Returns how many clips fit on each device, in every process."""
    pairs = zip(there, limits, strict=True)
    return distributed.smallest(min(limit // room.need(planned, clip) for room, limit in pairs))


def bound(program: Jaxpr) -> int:
    """Returns the bytes of all values that a program computes, which never lie there at once."""
    inner = sum(bound(each) for equation in program.eqns for each in programs(equation.params))
    values = [variable.aval for equation in program.eqns for variable in equation.outvars]
    return inner + sum(value.size * value.dtype.itemsize for value in values)  # type: ignore[attr-defined]


def _clips(network: Network, count: int, views: int) -> Any:
    return as_clip(
        {
            name: jax.ShapeDtypeStruct(
                (count, views, *spec.shape), spec.dtype, sharding=network.devices.batch
            )
            for name, spec in network.clip_specs.items()
        }
    )


def _rooms(network: Network, ahead: int) -> list[Room]:
    _, parts = checks.part(network.config.data.part)
    local = sum(d.process_index == jax.process_index() for d in network.devices.mesh.devices.flat)
    sharing = distributed.count_here()
    return rooms(memory.of_host(), memory.of_devices(), sharing, parts, local, ahead)


def check_step(network: Network, step: Any, *arguments: Any) -> None:
    """Raises UserError where a jitted training step of these arguments, now compiled, cannot fit.

    The arguments are in memory already. A later call of the step compiles nothing.
    """
    with naming(network.config, "train.batch_size"):
        plan = step.lower(*arguments).compile().memory_analysis()
    need = plan.temp_size_in_bytes + plan.output_size_in_bytes - plan.alias_size_in_bytes
    free = _rooms(network, ahead=0)[0].free
    if distributed.smallest(free - need) < 0:
        train = network.config.train
        params = sum(4 * leaf.size for leaf in jax.tree.leaves(network.shapes["params"]))
        parts = parts_that_fit(train, network.devices.mesh.size, need, free, 2 * params)
        remedy = f"take config.train.accumulate={parts}" if parts else "take a smaller batch"
        raise UserError(
            f"config.train.batch_size={train.batch_size}: a step needs {gib(need)} on each device, "
            f"and {gib(free)} are free: {remedy}, or config.model.remat=true"
        )


def parts_that_fit(train: ConfigDict, devices: int, need: int, free: int, fixed: int) -> int:
    """Returns the least number of parts of a batch that should fit, or 0.

    `need`: bytes of a step in the `train.accumulate` parts of now, of which `fixed` do not depend
    on the part: the gradient of a part, and their sum.
    """
    clips = train.batch_size // devices
    grows = max(0, need - fixed) * train.accumulate
    for parts in range(train.accumulate + 1, clips + 1):
        if clips % parts == 0 and fixed + grows / parts <= free:
            return parts
    return 0


@contextmanager
def naming(config: ConfigDict, field: str) -> Iterator[None]:
    """Names the field to lower where memory runs out here, in a UserError."""
    try:
        yield
    except (MemoryError, jax.errors.JaxRuntimeError) as error:
        if isinstance(error, jax.errors.JaxRuntimeError) and "RESOURCE_EXHAUSTED" not in str(error):
            raise
        section, name = field.split(".")
        more = " or a larger config.train.accumulate" if section == "train" else ""
        raise UserError(
            f"config.{field}={config[section][name]}: memory ran out; take a smaller one{more}"
        ) from None


def gib(size: int) -> str:
    """Returns bytes as text, in GiB."""
    return f"{size / 2**30:.2g} GiB" if size < 10 * 2**30 else f"{size / 2**30:.0f} GiB"
