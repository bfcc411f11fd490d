"""How the processes of one run meet, and how they end together.

A launcher in `launch/`, or a cluster, starts the same command with --distributed in each process.
After they have joined, `jax.devices()` are the devices of all of them.
"""

import os
import socket
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NoReturn

from jaxvid.errors import AGAIN, Missing, UserError, one_line
from jaxvid.runtime import distributed, jax_internals
from jaxvid.runtime.peers import Peers
from jaxvid.runtime.relay import Relay
from jaxvid.runtime.signals import Signals, is_interrupt

VARIABLES = ("JAX_COORDINATOR_ADDRESS", "JAX_NUM_PROCESSES", "JAX_PROCESS_ID")
PATIENCE = 300  # seconds that processes have to start and to find each other
# In the errors of JAX and Orbax, of several types, after a process ended during a computation.
_BROKEN = ("Gloo", "NCCL", "UNAVAILABLE", "DEADLINE_EXCEEDED", "coordination service", "Barrier")


@dataclass(frozen=True)
class Place:
    """The index of this process, the number of processes, process 0's address, own devices."""

    index: int
    count: int
    address: str
    device_ids: Sequence[int] | None = None  # None: all that it finds


def place() -> Place:
    """Returns the place of this process by the launcher or the cluster. Raises UserError."""
    address, count, index = (os.environ.get(name, "") for name in VARIABLES)
    if address and count and index:
        if not (count.isdecimal() and index.isdecimal() and int(index) < int(count)):
            raise UserError(
                f"JAX_PROCESS_ID={index}, JAX_NUM_PROCESSES={count}: must be whole numbers, the "
                "first below the second"
            )
        _, colon, port = address.rpartition(":")
        if not (colon and port.isdecimal()):
            raise UserError(f"JAX_COORDINATOR_ADDRESS={address}: must be HOST:PORT")
        return Place(int(index), int(count), address)
    if count or index:
        raise UserError(f"--distributed requires all of {', '.join(VARIABLES)}; only some are set")
    found, processes, own, devices = jax_internals.cluster(address, PATIENCE)
    if found is None or processes is None or own is None:
        raise UserError(
            "--distributed: no cluster is detected; start the processes with srun, on the hosts of "
            f"a TPU, with `python launch/local.py N`, or set {', '.join(VARIABLES)}"
        )
    return Place(own, processes, found, devices)


@contextmanager
def joined(several: bool, signals: Signals) -> Iterator[None]:
    """Makes this process one of a run's `several` until the block ends.

    If a process fails or dies, all others exit: with its status after invalid input or a signal,
    else with `AGAIN`. Process 0 exits last, and alone prints. Raises Missing if the processes do
    not find each other.
    """
    if not several:
        yield
        return
    peers, relay = _join(place())
    try:
        yield
        peers.finish()
    except BaseException as error:
        if any(sign in str(error) for sign in _BROKEN):
            peers.await_end()
        peers.leave(*_ending(error, signals))
        raise
    if relay:
        relay.close()
    peers.close()


def leave(status: int) -> None:
    """Exits at once if this process is one of several.

    JAX would wait for the others first, and report those that have left as failed.
    """
    if distributed.count() > 1:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _ending(error: BaseException, signals: Signals) -> tuple[int, str]:
    """Returns the exit status that an exception leads to, and the reason for the others."""
    if is_interrupt(error):
        return 128 + signals.received, "it was asked to stop"
    if isinstance(error, UserError | OSError):
        return getattr(error, "status", UserError.status), one_line(error).removeprefix("error: ")
    first_line, _, _ = str(error).partition("\n")
    return AGAIN, f"{type(error).__name__}: {first_line}"


def _join(here: Place) -> tuple[Peers, Relay | None]:
    import jax

    # `Peers` ends this process after another one, and `Signals` handles SIGTERM.
    jax.config.update("jax_enable_recoverability", True)
    jax.config.update("jax_enable_preemption_service", False)
    peers: Peers | None = None

    def lost() -> None:
        if peers:
            peers.lost_primary()
        else:
            _try_again(f"process 0 at {here.address} has ended")

    def late() -> None:
        found = relay is None or relay.reached
        missing = "the other processes" if found else f"process 0 at {here.address}"
        _try_again(f"process {here.index} of {here.count} waited {PATIENCE} s for {missing}")

    relay = Relay(here.address, PATIENCE, lost) if here.index else None
    # Before JAX, which would end the process without a useful message.
    timer = threading.Timer(PATIENCE, late)
    timer.daemon = True
    timer.start()
    try:
        jax.distributed.initialize(
            relay.address if relay else here.address,
            here.count,
            here.index,
            local_device_ids=here.device_ids,
            cluster_detection_method="deactivate",
            initialization_timeout=2 * PATIENCE,
        )
    except RuntimeError as error:
        reason = str(error).splitlines()[0]
        raise Missing(f"process {here.index} could not join the others: {reason}") from None
    finally:
        timer.cancel()
    name = f"process {here.index} ({socket.gethostname()}, pid {os.getpid()})"
    peers = Peers(jax_internals.store(), here.index, here.count, name)
    if here.index:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 PTH123 - until the process exits
    return peers, relay


def _try_again(reason: str) -> NoReturn:
    print(f"error: {reason}; the same command tries again", file=sys.stderr, flush=True)
    os._exit(AGAIN)
