"""Everything that this package uses of JAX's private modules: updates of JAX may change it."""

import sys
from typing import Any

from jaxvid.errors import UserError


def cluster(address: str, timeout: int) -> tuple[str, int, int, list[int] | None]:
    """Returns what JAX detects of SLURM, a TPU's hosts and other clusters.

    That is the address of process 0, the number of processes, the index of this one and the devices
    that it uses (None: all). `jax.distributed.initialize` detects the same only while it connects.
    `address` replaces the detected one unless it is empty. Raises UserError outside a cluster.
    """
    from jax._src.clusters import ClusterEnv

    found, count, index, devices = ClusterEnv.auto_detect_unset_distributed_params(
        address or None, None, None, None, None, timeout
    )
    if found is None or count is None or index is None:
        raise UserError("no cluster is detected")
    return found, count, index, devices if devices is None else list(devices)


def position() -> tuple[int, int]:
    """Returns the index of this process and the number of processes: 0 and 1 if it is alone.

    `jax.process_index` starts the devices, which not every mode needs.
    """
    if "jax._src.distributed" not in sys.modules:
        return 0, 1
    state = _state()
    return (state.process_id, state.num_processes) if state.num_processes > 1 else (0, 1)


def store() -> Any:
    """Returns the client of the names and values, and of the barriers, that process 0 serves."""
    return _state().client


def _state() -> Any:
    from jax._src.distributed import global_state

    return global_state
