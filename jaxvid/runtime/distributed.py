"""What the processes of one run do together: wait, share a value, agree to stop.

A run of one process uses the same functions, which then return at once. `jaxvid.runtime.joining`
connects the processes.
"""

import itertools
import json
import socket
from collections.abc import Callable
from typing import Any, TypeVar

from jaxvid.errors import UserError
from jaxvid.runtime import jax_internals

Result = TypeVar("Result")

# Milliseconds. Nobody waits that long: `jaxvid.runtime.peers` ends a run that loses a process.
FOREVER = 10 * 365 * 86_400 * 1000

_numbers = itertools.count()  # every process waits and shares in the same order


def index() -> int:
    """Returns the index of this process in the run, from 0."""
    return jax_internals.position()[0]


def count() -> int:
    """Returns the number of processes of the run."""
    return jax_internals.position()[1]


def is_primary() -> bool:
    """Returns whether this is process 0, which alone writes and prints."""
    return index() == 0


def wait_for_all() -> None:
    """Waits until every process of the run calls it."""
    if count() > 1:
        jax_internals.store().wait_at_barrier(f"jaxvid/wait/{next(_numbers)}", FOREVER)


def primary_first(do: Callable[[], Result]) -> Result:
    """Calls `do` in every process, in process 0 before the others, which find what it made."""
    if not is_primary():
        wait_for_all()
    done = do()
    if is_primary():
        wait_for_all()
    return done


def from_primary(find: Callable[[], Any]) -> Any:
    """Returns in every process what `find`, called in process 0 alone, returns: a JSON value.

    A UserError of `find` is raised in every process.
    """
    if count() == 1:
        return find()
    key = f"jaxvid/primary/{next(_numbers)}"
    if is_primary():
        try:
            shared = {"value": find()}
        except UserError as error:
            shared = {"error": str(error)}
        jax_internals.store().key_value_set(key, json.dumps(shared))
    else:
        shared = json.loads(jax_internals.store().blocking_key_value_get(key, FOREVER))
    if "error" in shared:
        raise UserError(shared["error"])
    return shared["value"]


def from_all(own: str) -> list[str]:
    """Returns, in every process, what each of them gives, by index."""
    if count() == 1:
        return [own]
    key, store = f"jaxvid/all/{next(_numbers)}", jax_internals.store()
    store.key_value_set(f"{key}/{index()}", own)
    return [store.blocking_key_value_get(f"{key}/{i}", FOREVER) for i in range(count())]


def smallest(own: int) -> int:
    """Returns, in every process, the smallest of the numbers that they give."""
    return min(map(int, from_all(str(own))))


def count_here() -> int:
    """Returns the number of processes of the run on this machine."""
    name = socket.gethostname()
    return from_all(name).count(name)


class Agreement:
    """The number of the signal that stops the run, or 0: the same in every process.

    `own` returns the number that this process received. All processes call an agreement equally
    often. A call returns the largest number at the call before, which the devices exchange beside
    their other work, so that no process waits; one process alone returns its own number.
    """

    def __init__(self, own: Callable[[], int]):
        self._own = own
        self._largest = _largest() if count() > 1 else None
        self._before: Any = None
        self._agreed = 0

    def __call__(self) -> int:
        if self._largest is None:
            return self._own()
        if not self._agreed:
            before, self._before = self._before, self._largest(self._own())
            self._agreed = 0 if before is None else int(before)
        return self._agreed

    def now(self) -> int:
        """Returns the largest number so far, and waits for it."""
        return self() or self()


def _largest() -> Callable[[int], Any]:
    import jax
    import numpy as np

    from jaxvid.runtime.devices import Devices

    devices = Devices()
    largest = jax.jit(lambda numbers: numbers.max(), out_shardings=devices.replicated)

    def exchange(own: int) -> Any:
        return largest(devices.put_batch(np.full(jax.local_device_count(), own, np.int32)))

    return exchange
