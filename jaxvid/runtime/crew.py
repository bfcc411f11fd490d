"""Worker processes that stay: one is lent to each thread that has a task; any may crash or hang.

As in `jaxvid.runtime.process_pool`, but for callers who take a task's pieces one by one, in several
threads, now and again: a process that has done its task waits for the next.
"""

import atexit
import os
import time
import weakref
from collections import deque
from collections.abc import Callable, Generator
from contextlib import suppress
from multiprocessing import connection
from typing import Any

from jaxvid.runtime.process_pool import TICK, Failure, Piece, Worker


class Crew:
    """Processes that call a module's function on tasks; they end with this one.

    `patience`: seconds without progress after which a task counts as hung; 0: none does.
    """

    def __init__(self, function: Callable[[Any], Any], patience: float = 0.0):
        self._function, self._patience = function, patience
        self._idle: deque[Worker] = deque()
        self._all: weakref.WeakSet[Worker] = weakref.WeakSet()
        self._owner = os.getpid()
        # Before multiprocessing waits for them: one that hangs in its decoder hears no SIGTERM.
        atexit.register(self._kill)

    def _kill(self) -> None:
        if self._owner == os.getpid():
            for worker in list(self._all):
                with suppress(ValueError):  # it is closed
                    worker.process.kill()

    def stream(self, task: Any) -> Generator[Any, None, Any]:
        """Yields the content of the pieces of a task; returns its result, or a Failure.

        Its process waits while a piece is not taken, and is ended where this is closed before.
        Raises the function's exceptions, and UserError if a process cannot be started.
        """
        worker, result = self._lent(task), None
        try:
            while True:
                before = time.monotonic()
                connection.wait([worker.pipe], TICK)
                # A suspended process, as by Ctrl-Z, did not check meanwhile.
                passed = min(time.monotonic() - before, 2 * TICK)
                message = worker.poll(passed, self._patience, lambda at: None)
                if isinstance(message, Piece):
                    yield message.content
                elif message is not None:
                    result = message.content
                    if message.raises:
                        raise result
                    return result
        finally:
            if worker.busy or isinstance(result, Failure):
                worker.stop()
            else:
                self._idle.append(worker)

    def run(self, task: Any) -> Any:
        """Returns what `stream` returns, for a task without pieces."""
        pieces = self.stream(task)
        while True:
            try:
                next(pieces)
            except StopIteration as end:
                return end.value

    def _lent(self, task: Any) -> Worker:
        if self._owner != os.getpid():  # the processes of one that forked are not this one's
            self._owner, self._idle, self._all = os.getpid(), deque(), weakref.WeakSet()
        while self._idle:
            try:
                worker = self._idle.pop()
            except IndexError:  # another thread was quicker
                break
            if worker.process.is_alive():
                worker.give(task)
                return worker
            worker.stop()
        started = Worker(self._function, task)
        self._all.add(started)
        return started
