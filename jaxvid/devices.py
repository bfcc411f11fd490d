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


class Devices:
    """All devices of all processes in one mesh with the axis `data`.

    Batches are divided along it, everything else is held by each device.
    """

    def __init__(self) -> None:
        self.mesh = Mesh(np.array(jax.devices()), ("data",))
        self.replicated = NamedSharding(self.mesh, PartitionSpec())
        self.batch = NamedSharding(self.mesh, PartitionSpec("data"))

    def check_batch_size(self, field: str, batch_size: int, parts: int = 1) -> None:
        """Raises UserError where a batch, taken in parts, has no equal share for each device."""
        if batch_size % (self.mesh.size * parts):
            each = f" in config.train.accumulate={parts} parts" if parts > 1 else ""
            raise UserError(
                f"config.{field}={batch_size} cannot be divided over {self.mesh.size} devices"
                f"{each}: a multiple of {self.mesh.size * parts} is wanted"
            )

    def put_batch(self, batch: Any) -> Any:
        """Sends this process's part of a batch to its devices and returns the whole batch."""
        return jax.tree.map(
            lambda part: jax.make_array_from_process_local_data(self.batch, part), batch
        )

    def __str__(self) -> str:
        kind = jax.devices()[0].device_kind
        return f"{self.mesh.size} x {kind} in {jax.process_count()} process(es)"


def compute_dtype(name: str) -> jnp.dtype:
    """Returns the type that `float32`, `bfloat16` or `auto` stands for on this machine."""
    if name == "auto":
        name = "bfloat16" if jax.default_backend() in ("gpu", "tpu") else "float32"
    return jnp.dtype(name)


def jit(function: Callable[..., Any], **options: Any) -> Any:
    """Returns `jax.jit(function, **options)`, compiled for speed on this backend.

    On a CPU without YNNPACK's convolutions, whose gradients take two to three times as long as
    XLA's own here (`tests/benchmarks/layers.py`), and with the barriers of `jax.checkpoint` kept
    until operations are put in order: without them everything is computed again too early, and no
    memory is saved.
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
    """Keeps compiled programs in a folder, so that the next run need not compile them again."""
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 1.0)


def network_input(clips: Any) -> Any:
    """Returns clips, an array or a map of them, as float32: uint8 ones scaled to [-1, 1]."""

    def scaled(array: jax.Array) -> jax.Array:
        whole = array.astype(jnp.float32)
        return whole / 127.5 - 1.0 if array.dtype == jnp.uint8 else whole

    return jax.tree.map(scaled, clips)
