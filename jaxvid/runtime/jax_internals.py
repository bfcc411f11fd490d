"""Everything that this package uses of JAX's private modules: updates of JAX may change it."""

import sys
from collections.abc import Sequence
from typing import Any

Cluster = tuple[str | None, int | None, int | None, Sequence[int] | None]


def cluster(address: str, timeout: int) -> Cluster:
    """Returns what JAX detects of SLURM, a TPU's hosts and other clusters, None for the rest.

    That is the address of process 0, unless `address` replaces it, the number of processes, the
    index of this one and its devices. In public, JAX detects them only while it connects.
    """
    from jax._src.clusters import ClusterEnv

    detect = ClusterEnv.auto_detect_unset_distributed_params
    return detect(address or None, None, None, None, None, timeout)


def position() -> tuple[int, int]:
    """Returns the index of this process and the number of processes: 0 and 1 if it is alone.

    `jax.process_index` starts the devices, which not every mode needs.
    """
    if "jax._src.distributed" not in sys.modules or _state().num_processes == 1:
        return 0, 1
    return _state().process_id, _state().num_processes


def store() -> Any:
    """Returns the client of the names and values, and of the barriers, that process 0 serves."""
    return _state().client


def _state() -> Any:
    from jax._src.distributed import global_state

    return global_state
