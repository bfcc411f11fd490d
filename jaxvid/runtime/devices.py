"""Devices: the mesh, how arrays lie on it, the type to compute in, the compilation cache."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jaxvid.errors import UserError

SMALLEST = 1024  # elements of the smallest array that is divided


class Devices:
    """All devices, of all processes or `local`, in one mesh with the axes `data` and `state`.

    Batches are divided along both axes, parameters and the optimiser's state along `state`, which
    has `shards` devices; each device holds everything else whole. Raises UserError if the number of
    devices is no multiple of `shards`.
    """

    def __init__(self, shards: int = 1, local: bool = False) -> None:
        # By process, so that a process's part of a batch is contiguous.
        every = jax.local_devices() if local else jax.devices()
        devices = sorted(every, key=lambda device: (device.process_index, device.id))
        if len(devices) % shards:
            raise UserError(
                f"config.train.shards={shards}: must be a divisor of {len(devices)}, the number of "
                "devices"
            )
        self.shards = shards
        self.mesh = Mesh(np.array(devices).reshape(-1, shards), ("data", "state"))
        self.replicated = NamedSharding(self.mesh, PartitionSpec())
        self.batch = NamedSharding(self.mesh, PartitionSpec(("data", "state")))

    @property
    def is_local(self) -> bool:
        """Whether all of them belong to this process."""
        return all(d.process_index == jax.process_index() for d in self.mesh.devices.flat)

    def divided(self, shapes: Any) -> Any:
        """Returns the layout of a tree of arrays that is divided along `state`.

        Each array is divided along the largest axis that `shards` divides, the last of equal ones;
        arrays of fewer than `SMALLEST` elements are whole.
        """

        def layout(leaf: Any) -> NamedSharding:
            axes = [i for i, size in enumerate(leaf.shape) if size % self.shards == 0]
            if self.shards == 1 or not axes or leaf.size < SMALLEST:
                return self.replicated
            largest = max(axes, key=lambda i: (leaf.shape[i], i))
            return NamedSharding(self.mesh, PartitionSpec(*[None] * largest, "state"))

        return jax.tree.map(layout, shapes)

    def whole(self, tree: Any) -> Any:
        """Returns, inside a compiled function, a divided tree as whole arrays on each device."""
        if self.shards == 1:
            return tree
        return jax.lax.with_sharding_constraint(tree, self.replicated)

    def gathered(self, tree: Any) -> Any:
        """Returns a tree of arrays, divided or not, as whole arrays of NumPy in every process."""
        if self.shards == 1:
            return jax.device_get(tree)
        return jax.device_get(jax.jit(lambda t: t, out_shardings=self.replicated)(tree))

    def check_batch_size(self, field: str, batch_size: int, parts: int = 1) -> None:
        """Raises UserError if a batch, in equal parts, has no equal share for each device."""
        if batch_size % (self.mesh.size * parts):
            each = f" and config.train.accumulate={parts}" if parts > 1 else ""
            raise UserError(
                f"config.{field}={batch_size}: must be a multiple of {self.mesh.size * parts}, for "
                f"{self.mesh.size} devices{each}"
            )

    def put_batch(self, batch: Any) -> Any:
        """Sends this process's part of a batch to its devices and returns the whole batch."""
        return jax.tree.map(
            lambda part: jax.make_array_from_process_local_data(self.batch, part), batch
        )

    def __str__(self) -> str:
        kind = jax.devices()[0].device_kind
        divided = f", state divided over {self.shards}" if self.shards > 1 else ""
        return f"{self.mesh.size} x {kind} in {jax.process_count()} process(es){divided}"


def compute_dtype(name: str) -> jnp.dtype:
    """Returns the type for `float32`, `bfloat16` or, by this machine's devices, `auto`."""
    if name == "auto":
        name = "bfloat16" if jax.default_backend() in ("gpu", "tpu") else "float32"
    return jnp.dtype(name)


def jit(function: Callable[..., Any], **options: Any) -> Any:
    """Returns `jax.jit(function, **options)`, compiled for speed on this backend.

    On a CPU, YNNPACK's convolutions are off, because their gradients take two to three times as
    long as XLA's own (`tests/benchmarks/layers.py`), and the barriers of `jax.checkpoint` stay
    until operations are scheduled, because without them everything is computed again too early,
    and no memory is saved.
    """
    return jax.jit(function, compiler_options=_compiler_options(), **options)


@functools.cache
def _compiler_options() -> dict[str, str]:
    if jax.default_backend() != "cpu":
        return {}
    barriers = {"xla_disable_hlo_passes": "cse_barrier_expander"}
    options = barriers | {"xla_cpu_experimental_ynn_fusion_type": ""}
    try:
        jax.jit(lambda x: x, compiler_options=options).lower(0.0).compile()
    except jax.errors.JaxRuntimeError:  # a JAX without YNNPACK has no such option
        return barriers
    return options


def keep_compiled(folder: Path) -> None:
    """Caches compiled programs in a folder, for the next run."""
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 1.0)
