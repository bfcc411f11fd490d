"""The other processes of a run: each gives signs of life, and the end of one ends all.

Processes speak through the store of names and values that JAX's process 0 serves. Each sets a sign
every second; process 0 looks at them all and says how the run ends, the others hear it from there,
and a relay tells them where process 0 itself has ended. So none of them waits for a process that
is no more: what JAX is at when that happens cannot be interrupted, and a thread ends the process.
"""

import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

from jaxvid.errors import AGAIN


class Pace(NamedTuple):
    """Seconds: between signs of life (`tick`), and what is waited for.

    `patience`: without a sign, until a process counts as dead; `suspected`: where what processes
    compute together has failed; `linger`: that process 0 stays for the others to hear how the run
    ends; `leaving`: that it waits for them to leave when all is done.
    """

    tick: float = 1.0
    patience: float = 30.0
    suspected: float = 5.0
    linger: float = 3.0
    leaving: float = 10.0


_SIGN, _NAME, _LEFT, _FAILED, _END, _GONE = (
    f"jaxvid/{key}" for key in ("sign", "name", "left", "failed", "end", "gone")
)


class Peers:
    """This process among those of a run.

    `store`: JAX's client of the store. `name`: what tells this process from the others, for users.
    `leave` ends the process with a status, from any thread.
    """

    def __init__(
        self,
        store: Any,
        index: int,
        count: int,
        name: str,
        pace: Pace = Pace(),  # noqa: B008 - it cannot change
        leave: Callable[[int], Any] = os._exit,
    ):
        self._store, self._index, self._count = store, index, count
        self._pace, self._leave = pace, leave
        self._finished = threading.Event()  # all of them
        self._answered = time.monotonic()
        self._ending = threading.Lock()
        self._set(_NAME, name)
        self._within(self._pace.patience, lambda: len(self._all(_NAME)) == count)
        self._names = {i: f"process {i}" for i in range(count)} | self._all(_NAME)
        watch = self._judge if index == 0 else self._listen
        for target in (watch, self._guard):
            threading.Thread(target=target, daemon=True).start()

    def left(self, status: int, reason: str) -> None:
        """Tells the others that this process ends before its work is done, and why."""
        if self._index == 0:
            self._announce(status, reason)
            time.sleep(self._pace.linger)
        else:
            with suppress(Exception):  # whoever serves the store may be what has ended
                self._set(_LEFT, f"{status}|{reason}")

    def failed_together(self) -> None:
        """Waits to be ended: what processes compute together has failed, so one of them has.

        Returns where all of them turn out to live.
        """
        with suppress(Exception):
            self._set(_FAILED, "yes")
        time.sleep(self._pace.patience + 2 * self._pace.tick)

    def finish(self) -> None:
        """Waits until all have done their work; process 0 is the last to leave."""
        self._set(_LEFT, "0|")
        self._finished.wait()

    def close(self) -> None:
        """Tells that this process, which has finished, is leaving."""
        self._set(_GONE, "yes")
        if self._index == 0:
            self._within(self._pace.leaving, lambda: len(self._all(_GONE)) == self._count)

    def lost_first(self) -> None:
        """Ends this process because process 0 has ended."""
        if not self._finished.is_set():
            self._end(AGAIN, f"{self._names[0]} has ended")

    def _within(self, seconds: float, is_true: Callable[[], bool]) -> None:
        deadline = time.monotonic() + seconds
        while not is_true() and time.monotonic() < deadline:
            time.sleep(0.05)

    def _judge(self) -> None:
        """Process 0: looks at all signs, and says how the run ends."""
        seen: dict[int, str] = {}
        changed = dict.fromkeys(range(1, self._count), time.monotonic())
        suspected: float | None = None
        while not self._finished.is_set():
            now = time.monotonic()
            with suppress(Exception):  # `_guard` sees to it that this has an end
                signs, left = self._all(_SIGN), self._all(_LEFT)
                if suspected is None and self._all(_FAILED):
                    suspected = now
                self._answered = now
                for i in changed:
                    if signs.get(i) != seen.get(i):
                        changed[i] = now
                seen = signs
                patience = self._pace.patience if suspected is None else self._pace.suspected
                silent = {i: now - then for i, then in changed.items() if i not in left}
                self._end_for(left, {i: s for i, s in silent.items() if s > patience})
                if len(left) == self._count:
                    self._set(_END, "0|")
                    self._finished.set()
            self._finished.wait(self._pace.tick)

    def _end_for(self, left: dict[int, str], silent: dict[int, float]) -> None:
        """Ends the run, where one has left before it was done or has been silent for too long."""
        for i, text in left.items():
            status, _, reason = text.partition("|")
            if status != "0":
                self._end_all(int(status), f"{self._names[i]} has ended: {reason}")
        for i, seconds in silent.items():
            reason = f"{self._names[i]} has given no sign of life for {seconds:.0f} s"
            self._end_all(AGAIN, reason)

    def _end_all(self, status: int, reason: str) -> None:
        self._announce(status, reason)
        time.sleep(self._pace.linger)
        self._end(status, reason)

    def _listen(self) -> None:
        """The others: give signs, and hear how the run ends."""
        number = 0
        while not self._finished.is_set():
            number += 1
            with suppress(Exception):  # `_guard` and the relay see to it that this has an end
                self._set(_SIGN, str(number))
                end = self._all(_END).get(0)
                self._answered = time.monotonic()
                if end is not None:
                    status, _, reason = end.partition("|")
                    if status != "0":
                        self._end(int(status), reason)
                    self._finished.set()
            self._finished.wait(self._pace.tick)

    def _guard(self) -> None:
        # A store that does not answer holds the thread that asks.
        while not self._finished.wait(self._pace.tick):
            silent = time.monotonic() - self._answered
            if silent > self._pace.patience:
                self._end(AGAIN, f"{self._names[0]} has given no sign of life for {silent:.0f} s")

    def _announce(self, status: int, reason: str) -> None:
        with suppress(Exception):
            self._set(_END, f"{status}|{reason}", 0)

    def _end(self, status: int, reason: str) -> None:
        self._ending.acquire()  # for good: it is said once
        more = "; the same command continues" if status == AGAIN else ""
        show_cursor = "\x1b[?25h" if sys.stderr.isatty() else ""  # a progress bar hides it
        print(f"{show_cursor}error: {reason}{more}", file=sys.stderr, flush=True)
        self._leave(status)

    def _set(self, key: str, value: str, index: int | None = None) -> None:
        place = self._index if index is None else index
        self._store.key_value_set(f"{key}/{place}", value, allow_overwrite=True)

    def _all(self, key: str) -> dict[int, str]:
        found = self._store.key_value_dir_get(f"{key}/")
        return {int(name.rpartition("/")[2]): value for name, value in found}
