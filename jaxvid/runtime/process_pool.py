"""Work on files in several processes, any of which may crash or hang.

Each worker receives one task at a time through a pipe, and answers with the result or an exception.
A long task is a generator that yields progress and pieces of its result, and returns the result. A
process that dies, or makes no progress for too long, fails its own task alone and is replaced.
"""

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import connection
from types import ModuleType
from typing import Any

from jaxvid.errors import UserError
from jaxvid.runtime import pool_worker
from jaxvid.runtime.pool_worker import Answer, Piece, Progress, Ready, set_up_opencv

__all__ = ["Failure", "Piece", "cores", "each", "run", "set_up_opencv"]

TICK = 1.0  # seconds between two checks for workers that hang
STOPPING = 3.0  # seconds that processes have to exit after SIGTERM

_starting = threading.Lock()

Outcomes = Generator[tuple[Any, Any], None, None]


@dataclass(frozen=True)
class Failure:
    """A task whose process died or hung."""

    reason: str  # continues a sentence about the process: "crashed (SIGSEGV)"
    at: Any = None  # the progress that the task yielded last
    killed: bool = False  # from outside, as for want of memory
    hung: bool = False  # it made no progress


def each(
    function: Callable[[Any], Any],
    tasks: Iterable[Any],
    workers: int = 0,
    patience: float = 0.0,
    on_progress: Callable[[Any], None] = lambda at: None,
) -> Outcomes:
    """Calls a module's function on each task and yields (task, result or Failure), as they come.

    Before that, yields (task, Piece) for each `Piece` of a task, whose process waits meanwhile.
    `workers`: processes; 0: one per core. `patience`: seconds without progress after which a task
    counts as hung; 0: none does. `on_progress` is called with the progress that tasks yield.
    Raises the function's exceptions, and UserError if SIGTERM stops a worker, or if none can be
    started. All processes end with this generator, after Ctrl-C too.
    """
    waiting = iter(tasks)
    crew: list[Worker] = []
    try:
        for task in waiting:
            crew.append(Worker(function, task))
            if len(crew) == (workers or cores()):
                break
        while busy := [worker for worker in crew if worker.busy]:
            before = time.monotonic()
            connection.wait([worker.pipe for worker in busy], TICK)
            # A suspended process, as by Ctrl-Z, did not check meanwhile.
            passed = min(time.monotonic() - before, 2 * TICK)
            for worker in busy:
                task, message = worker.task, worker.poll(passed, patience, on_progress)
                if message is None:
                    continue
                if isinstance(message, Piece):
                    yield task, message
                    continue
                if isinstance(message.content, Failure):
                    crew.remove(worker)
                    worker.stop()
                for following in waiting:
                    if worker in crew:
                        worker.give(following)
                    else:
                        crew.append(Worker(function, following))
                    break
                if message.raises:
                    raise message.content
                yield task, message.content
    finally:
        _stop(crew)


def run(
    function: Callable[[Any], Any],
    tasks: Iterable[Any],
    workers: int = 0,
    name: Callable[[Any], str] = str,
) -> Outcomes:
    """Yields (task, result) as `each` does, for tasks whose process has no reason to die.

    `name` returns a task's name, for messages. Raises UserError if a process dies.
    """
    with closing(each(function, tasks, workers)) as outcomes:
        for task, outcome in outcomes:
            if isinstance(outcome, Failure):
                raise UserError(
                    f"the worker process for {name(task)} {outcome.reason}; the same command "
                    "continues with the rest"
                )
            yield task, outcome


def cores() -> int:
    """Returns the number of cores that this process may use."""
    return len(os.sched_getaffinity(0))


@contextmanager
def _without_main() -> Iterator[None]:
    """Processes started meanwhile do not run the program of this one, which may be any script."""
    with _starting:
        main = sys.modules["__main__"]
        sys.modules["__main__"] = ModuleType("__main__")
        try:
            yield
        finally:
            sys.modules["__main__"] = main


class Worker:
    """A worker process, seen from outside, with its task."""

    def __init__(self, function: Callable[[Any], Any], task: Any):
        if multiprocessing.current_process().daemon:
            raise UserError(
                "videos are decoded in processes of their own, which a daemonic process, such as "
                "one of multiprocessing.Pool, cannot start: use concurrent.futures"
            )
        # Not forked: the caller's process may have threads, JAX's among them.
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(
            target=pool_worker.work, args=(theirs, function), daemon=True
        )
        with _without_main():
            self.process.start()
        theirs.close()
        self._ready = False
        self.give(task)

    def give(self, task: Any) -> None:
        self.task, self.busy = task, True
        self._at, self._silent = None, 0.0
        with suppress(ConnectionError):  # it has ended: `poll` returns how
            self.pipe.send(task)

    def poll(
        self, passed: float, patience: float, on_progress: Callable[[Any], None]
    ) -> Answer | Piece | None:
        """Returns the answer to the task, a piece of it, or None; `passed`: seconds since then."""
        self._silent += passed if self._ready else 0.0
        while (message := self._receive()) is not None:
            self._silent = 0.0
            if isinstance(message, Ready):
                self._ready = True
            elif isinstance(message, Progress):
                self._at = message.at
                on_progress(message.at)
            else:
                self.busy = isinstance(message, Piece)
                return message
        if patience and self._silent > patience:
            self.busy = False
            return Answer(Failure(f"made no progress for {patience:g} s", self._at, hung=True))
        return None

    def _receive(self) -> pool_worker.Message | None:
        """Returns the next message, None if there is none; after the end of the process, how."""
        try:
            return self.pipe.recv() if self.pipe.poll() else None
        except (EOFError, OSError):
            return Answer(self._failure())

    def _failure(self) -> Failure:
        """Returns how the process ended. Raises UserError if that has nothing to do with a task."""
        self.process.join()
        status = self.process.exitcode or 0
        if status in (-signal.SIGTERM, 128 + signal.SIGTERM):
            raise UserError("a worker process was stopped (SIGTERM); the same command continues")
        if status == -signal.SIGKILL:
            return Failure("was killed (SIGKILL): for want of memory?", self._at, killed=True)
        names = {number.value: number.name for number in signal.Signals}
        reason = f"crashed ({names.get(-status, f'signal {-status}')})"
        if status >= 0:
            reason = f"ended with status {status}"
        if not self._ready:
            raise UserError(f"worker processes cannot be started: one {reason}")
        return Failure(reason, self._at)

    def stop(self) -> None:
        self.process.kill()
        self.process.join(STOPPING)
        self.pipe.close()
        if self.process.exitcode is not None:  # one that waits for a dead disk cannot be killed
            self.process.close()


def _stop(crew: list[Worker]) -> None:
    for worker in crew:
        if worker.busy:
            worker.process.terminate()  # it removes half-written files
        worker.pipe.close()  # one without a task exits then
    deadline = time.monotonic() + STOPPING
    for worker in crew:
        worker.process.join(max(0.0, deadline - time.monotonic()))
        worker.stop()
