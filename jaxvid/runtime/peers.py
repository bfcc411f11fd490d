"""The other processes of a run, watched: the end of one ends all.

In the store of names and values that JAX's process 0 serves, each process sets a heartbeat every
second. Process 0 compares them and stores how the run ends; the others read it, and a relay reports
the end of process 0. A computation with a lost process cannot be interrupted: a thread exits.
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
    """Seconds between heartbeats (`tick`), and seconds of patience."""

    tick: float = 1.0
    patience: float = 30.0  # without a heartbeat, until a process counts as dead
    suspected: float = 5.0  # the same, after a joint computation failed
    linger: float = 3.0  # of process 0, for the others to read how the run ends
    leaving: float = 10.0  # of process 0, for the others to exit when all is done


_HEARTBEAT, _NAME, _LEFT, _FAILED, _END, _GONE = (
    f"jaxvid/{key}" for key in ("heartbeat", "name", "left", "failed", "end", "gone")
)


class Peers:
    """This process among those of a run. `name`: of this process, for messages.

    `store`: JAX's client of the store. `leave` ends the process with a status, from any thread.
    """

    def __init__(
        self,
        store: Any,
        index: int,
        count: int,
        name: str,
        pace: Pace = Pace(),  # noqa: B008 - immutable
        leave: Callable[[int], Any] = os._exit,
    ):
        self._store, self._index, self._count = store, index, count
        self._pace, self._exit = pace, leave
        self._finished = threading.Event()  # all processes have
        self._ending = threading.Lock()
        self._set(_NAME, name)
        self._wait(pace.patience, lambda: len(self._all(_NAME)) == count)
        self._names = {i: f"process {i}" for i in range(count)} | self._all(_NAME)
        self._answered = now = time.monotonic()  # when the store last did
        self._heartbeats = {i: ("", now) for i in range(1, count)}  # and when each one came
        for target in (self._supervise if index == 0 else self._follow, self._watch_store):
            threading.Thread(target=self._repeat, args=(target,), daemon=True).start()

    def leave(self, status: int, reason: str) -> None:
        """Reports that this process ends before its work is done, and why."""
        if self._index == 0:
            self._announce(status, reason)
            time.sleep(self._pace.linger)
        else:
            with suppress(Exception):  # process 0, which serves the store, may have ended
                self._set(_LEFT, f"{status}|{reason}")

    def await_end(self) -> None:
        """Waits, after a joint computation failed, for the end; returns if no process is lost."""
        with suppress(Exception):
            self._set(_FAILED, "yes")
        time.sleep(self._pace.patience + 2 * self._pace.tick)

    def finish(self) -> None:
        """Waits until all processes have done their work."""
        self._set(_LEFT, "0|")
        self._finished.wait()

    def close(self) -> None:
        """Reports that this process, which has finished, exits; process 0 waits for the others."""
        self._set(_GONE, "yes")
        if self._index == 0:
            self._wait(self._pace.leaving, lambda: len(self._all(_GONE)) == self._count)

    def lost_primary(self) -> None:
        """Ends this process because process 0 has ended."""
        if not self._finished.is_set():
            self._end(AGAIN, f"{self._names[0]} has ended")

    def _wait(self, seconds: float, is_true: Callable[[], bool]) -> None:
        deadline = time.monotonic() + seconds
        while not is_true() and time.monotonic() < deadline:
            time.sleep(0.05)

    def _repeat(self, step: Callable[[], None]) -> None:
        while not self._finished.is_set():
            with suppress(Exception):  # a store that fails ends the process in `_watch_store`
                step()
            self._finished.wait(self._pace.tick)

    def _supervise(self) -> None:
        """Process 0: compares the heartbeats, and decides how the run ends."""
        now = time.monotonic()
        heartbeats, left = self._all(_HEARTBEAT), self._all(_LEFT)
        patience = self._pace.suspected if self._all(_FAILED) else self._pace.patience
        self._answered = now
        for i, heartbeat in heartbeats.items():
            if heartbeat != self._heartbeats[i][0]:
                self._heartbeats[i] = heartbeat, now
        for i, text in left.items():
            status, _, reason = text.partition("|")
            if status != "0":
                self._end_all(int(status), f"{self._names[i]} has ended: {reason}")
        for i, (_, then) in self._heartbeats.items():
            if i not in left and now - then > patience:
                self._end_all(AGAIN, self._silent(i, now - then))
        if len(left) == self._count:
            self._set(_END, "0|")
            self._finished.set()

    def _follow(self) -> None:
        """The others: send a heartbeat, and read how the run ends."""
        self._set(_HEARTBEAT, str(time.monotonic()))
        end = self._all(_END).get(0)
        self._answered = time.monotonic()
        if end is not None:
            status, _, reason = end.partition("|")
            if status != "0":
                self._end(int(status), reason)
            self._finished.set()

    def _watch_store(self) -> None:
        # In a thread of its own: a store that does not answer blocks whoever asks it.
        silence = time.monotonic() - self._answered
        if silence > self._pace.patience:
            self._end(AGAIN, self._silent(0, silence))

    def _silent(self, index: int, seconds: float) -> str:
        return f"{self._names[index]} has sent no heartbeat for {seconds:.0f} s"

    def _announce(self, status: int, reason: str) -> None:
        with suppress(Exception):
            self._set(_END, f"{status}|{reason}")

    def _end_all(self, status: int, reason: str) -> None:
        self._announce(status, reason)
        time.sleep(self._pace.linger)
        self._end(status, reason)

    def _end(self, status: int, reason: str) -> None:
        self._ending.acquire()  # never released: one thread alone prints the reason
        more = "; the same command continues" if status == AGAIN else ""
        show_cursor = "\x1b[?25h" if sys.stderr.isatty() else ""  # a progress bar hides it
        print(f"{show_cursor}error: {reason}{more}", file=sys.stderr, flush=True)
        self._exit(status)

    def _set(self, key: str, value: str) -> None:
        self._store.key_value_set(f"{key}/{self._index}", value, allow_overwrite=True)

    def _all(self, key: str) -> dict[int, str]:
        found = self._store.key_value_dir_get(f"{key}/")
        return {int(name.rpartition("/")[2]): value for name, value in found}
