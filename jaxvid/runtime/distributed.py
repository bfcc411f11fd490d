"""Several processes of one run: which one this is, how they meet, and what they agree on.

A launcher starts the same command with --distributed on each; `launch/` has some. JAX connects the
processes, and from then on `jax.devices()` are those of all of them.
"""

import itertools
import json
import os
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, NoReturn, TypeVar

from jaxvid.errors import AGAIN, Missing, UserError, one_line
from jaxvid.runtime.peers import Peers
from jaxvid.runtime.relay import Relay
from jaxvid.runtime.signals import Signals, is_interrupt

Result = TypeVar("Result")

VARIABLES = ("JAX_COORDINATOR_ADDRESS", "JAX_NUM_PROCESSES", "JAX_PROCESS_ID")
MEETING = 300  # seconds that processes have to start and find each other
FOREVER = 10 * 365 * 86_400 * 1000  # milliseconds; whoever waits is ended by `jaxvid.runtime.peers`
# What JAX says where a process with which something is computed is gone.
_BROKEN = ("Gloo", "NCCL", "UNAVAILABLE", "DEADLINE_EXCEEDED", "coordination service", "Barrier")

_waits = itertools.count()  # all processes wait for each other in the same order


class Place(NamedTuple):
    """Which of how many processes this one is, and where the first one is found."""

    index: int
    count: int
    address: str
    device_ids: list[int] | None = None


def place() -> Place:
    """Returns what the launcher says in the environment. Raises UserError where it says nothing."""
    given = [os.environ.get(name, "") for name in VARIABLES]
    if all(given):
        address, count, index = given
        if not (count.isdecimal() and index.isdecimal() and 0 <= int(index) < int(count)):
            raise UserError(
                f"JAX_PROCESS_ID={index}, JAX_NUM_PROCESSES={count}: numbers from 0 and from 1 "
                "are wanted, the first below the second"
            )
        if not address.rpartition(":")[2].isdecimal() or ":" not in address:
            raise UserError(f"JAX_COORDINATOR_ADDRESS={address}: HOST:PORT is wanted")
        return Place(int(index), int(count), address)
    if any(given[1:]):
        raise UserError(f"--distributed: of {', '.join(VARIABLES)} only some are set")
    from jax._src.clusters import ClusterEnv  # there is no public way to ask without connecting

    found = ClusterEnv.auto_detect_unset_distributed_params(
        given[0] or None, None, None, None, None, MEETING
    )
    address, count, index, device_ids = found
    if None in (address, count, index):
        raise UserError(
            "--distributed: no launcher has started this process; launch/local.py N does on this "
            f"machine, srun and a TPU's hosts are known, any other one sets {', '.join(VARIABLES)}"
        )
    return Place(index, count, address, device_ids)


@contextmanager
def joined(wanted: bool, signals: Signals) -> Iterator[None]:
    """Within it, this process is one of those of a run, if `wanted`; else it is alone.

    Where one of them fails or dies, all others leave: with its exit status where the input is wrong
    or a signal asked it to stop, else with `AGAIN`. Process 0 is the last to leave, and the only
    one whose standard output is shown. Raises Missing where they do not find each other.
    """
    if not wanted:
        yield
        return
    peers, relay = _join(place())
    try:
        yield
        peers.finish()
    except BaseException as error:
        if _is_broken(error):
            peers.failed_together()
        peers.left(*_ending(error, signals))
        raise
    if relay:
        relay.close()
    peers.close()


def leave(status: int) -> None:
    """Ends this process where it is one of several; else returns.

    JAX would say goodbye to the others, wait for them, and take it for a failure that they are no
    longer there.
    """
    if count() > 1:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _ending(error: BaseException, signals: Signals) -> tuple[int, str]:
    if is_interrupt(error):
        return 128 + signals.received, "it was asked to stop"
    if isinstance(error, UserError | OSError):
        status = error.status if isinstance(error, UserError) else 2
        return status, one_line(error).removeprefix("error: ")
    return AGAIN, f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"


def _is_broken(error: BaseException) -> bool:
    # JAX raises it as different types, and Orbax on its behalf.
    return any(sign in str(error) for sign in _BROKEN)


def _join(here: Place) -> tuple[Peers, Relay | None]:
    import jax

    # So that the end of one process is ours to tell; and SIGTERM is `runtime.signals`' to hear.
    jax.config.update("jax_enable_recoverability", True)
    jax.config.update("jax_enable_preemption_service", False)
    watchers: list[Peers] = []

    def lost() -> None:
        for peers in watchers:
            peers.lost_first()
        if not watchers:  # it ended while this process was joining it
            _try_again(f"process 0 at {here.address} has ended")

    relay = Relay(here.address, MEETING, lost) if here.index else None
    # Before JAX does, which would end the process without a word that helps.
    late = threading.Timer(MEETING, _nobody_came, (here, relay))
    late.daemon = True
    late.start()
    try:
        jax.distributed.initialize(
            relay.address if relay else here.address,
            here.count,
            here.index,
            local_device_ids=here.device_ids,
            cluster_detection_method="deactivate",
            initialization_timeout=2 * MEETING,
        )
    except RuntimeError as error:
        reason = str(error).splitlines()[0]
        raise Missing(f"process {here.index} could not meet the others: {reason}") from None
    finally:
        late.cancel()
    name = f"process {here.index} ({socket.gethostname()}, pid {os.getpid()})"
    peers = Peers(_jax_state().client, here.index, here.count, name)
    watchers.append(peers)
    if here.index:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 PTH123 - as long as the process
    return peers, relay


def _nobody_came(here: Place, relay: Relay | None) -> None:
    first = relay is not None and not relay.reached
    whom = f"process 0 at {here.address}" if first else "all the others"
    _try_again(f"process {here.index} of {here.count} waited {MEETING} s for {whom}")


def _try_again(reason: str) -> NoReturn:
    print(f"error: {reason}; the same command tries again", file=sys.stderr, flush=True)
    os._exit(AGAIN)


def index() -> int:
    """Returns which of a run's processes this one is, from 0."""
    return _jax_state().process_id if count() > 1 else 0


def count() -> int:
    """Returns how many processes the run has."""
    # Asking JAX in public would load it, or start its devices, which not every mode needs.
    return _jax_state().num_processes if "jax._src.distributed" in sys.modules else 1


def is_first() -> bool:
    """Says whether this process is the one that writes and tells: process 0, or a single one."""
    return index() == 0


def _jax_state() -> Any:
    from jax._src.distributed import global_state  # the store has no public name

    return global_state


def wait_for_all() -> None:
    """Waits until every process of the run is here."""
    if count() > 1:
        _jax_state().client.wait_at_barrier(f"jaxvid/wait/{next(_waits)}", FOREVER)


def first_before_others(do: Callable[[], Result]) -> Result:
    """Does something in every process, in process 0 before the others: they find what it made."""
    if is_first():
        done = do()
        wait_for_all()
    else:
        wait_for_all()
        done = do()
    return done


def from_first(find: Callable[[], Any]) -> Any:
    """Returns what process 0 finds, a JSON-able value, in all of them.

    Where `find` raises a UserError there, it is raised in all.
    """
    if count() == 1:
        return find()
    key = f"jaxvid/first/{next(_waits)}"
    if is_first():
        try:
            said = {"value": find()}
        except UserError as error:
            said = {"error": str(error)}
        _jax_state().client.key_value_set(key, json.dumps(said))
    else:
        said = json.loads(_jax_state().client.blocking_key_value_get(key, FOREVER))
    if "error" in said:
        raise UserError(said["error"])
    return said["value"]


class Agreement:
    """What the processes are asked to do, a signal's number or 0: the same answer in all of them.

    All of them call it equally often. `mine` says what this process was asked. In one process the
    answer is what it says; in several the largest of what they said at the call before, so that
    nobody waits: devices exchange it beside their other work.
    """

    def __init__(self, mine: Callable[[], int]):
        self._mine = mine
        self._exchange = _exchange() if count() > 1 else None
        self._before: Any = None
        self._agreed = 0

    def __call__(self) -> int:
        if self._exchange is None:
            return self._mine()
        if not self._agreed:
            before, self._before = self._before, self._exchange(self._mine())
            self._agreed = 0 if before is None else int(before)
        return self._agreed

    def now(self) -> int:
        """Returns what all of them have been asked by now, waiting for it."""
        return self() or self()


def _exchange() -> Callable[[int], Any]:
    import jax
    import numpy as np

    from jaxvid.runtime.devices import Devices

    devices = Devices()
    largest = jax.jit(lambda said: said.max(), out_shardings=devices.replicated)

    def exchange(mine: int) -> Any:
        return largest(devices.put_batch(np.full(jax.local_device_count(), mine, np.int32)))

    return exchange
