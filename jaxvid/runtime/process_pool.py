"""Work on files in several processes, any of which may crash or hang.

Each worker process has a pipe to this one, gets one task at a time, and answers with the result or
the exception. A task that runs long is a generator: what it yields now and then says what it is at,
and is its sign of life; what it returns is the result, of which it may yield pieces before. A
process that ends, or that gives no sign for too long, costs the task that it had, and another
process takes its place.
"""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from multiprocessing import connection
from multiprocessing.context import SpawnContext
from typing import Any

from jaxvid.errors import UserError
from jaxvid.runtime import pool_worker
from jaxvid.runtime.pool_worker import Piece, set_up_opencv

__all__ = ["Failure", "Piece", "cores", "each", "run", "set_up_opencv"]

TICK = 1.0  # seconds; the longest that passes between two looks at the clock
STOPPING = 3.0  # seconds that processes have to leave when they are asked to


@dataclass(frozen=True)
class Failure:
    """What became of a task whose process did not live to answer.

    `reason` continues a sentence about the process, "crashed (SIGSEGV)"; `at` is what the task
    yielded last, None where it had not begun; `killed`: from outside, as for want of memory;
    `hung`: it gave no sign of life.
    """

    reason: str
    at: Any = None
    killed: bool = False
    hung: bool = False


def each(
    function: Callable[[Any], Any],
    tasks: Iterable[Any],
    workers: int = 0,
    patience: float = 0.0,
    tell: Callable[[Any], None] = lambda at: None,
) -> Iterator[tuple[Any, Any]]:
    """Calls a module's function on each task and yields (task, result or Failure) as they come.

    Before it, (task, Piece) for each `Piece` that the task yields: a process waits until they are
    taken.

    `workers`: processes; 0: one per core. `patience`: seconds without a sign of life after which a
    task counts as hanging; 0: none does. `tell` is called with what tasks yield. An exception of
    the function is raised here. However this ends, Ctrl-C too, all processes end with it. Raises
    UserError where a process is stopped by SIGTERM, or none can be started.
    """
    waiting = iter(tasks)
    # Not forked: the caller's process may have threads, JAX's among them.
    context = multiprocessing.get_context("spawn")
    crew: list[_Worker] = []
    try:
        for task in waiting:
            crew.append(_Worker(context, function, task))
            if len(crew) == (workers or cores()):
                break
        while busy := [member for member in crew if member.busy]:
            before = time.monotonic()
            connection.wait([member.pipe for member in busy], TICK)
            # A process that was suspended, as by Ctrl-Z, did not look on meanwhile.
            passed = min(time.monotonic() - before, 2 * TICK)
            for member in busy:
                task, answer = member.task, member.listen(passed, patience, tell)
                if answer is None:
                    continue
                if isinstance(answer, Piece):
                    yield task, answer
                    continue
                if isinstance(answer.content, Failure):
                    crew.remove(member)
                    member.stop()
                for following in waiting:
                    if member in crew:
                        member.give(following)
                    else:
                        crew.append(_Worker(context, function, following))
                    break
                if answer.raises:
                    raise answer.content
                yield task, answer.content
    finally:
        _stop(crew)


def run(
    function: Callable[[Any], Any],
    tasks: Iterable[Any],
    workers: int = 0,
    name: Callable[[Any], str] = str,
) -> Iterator[tuple[Any, Any]]:
    """Yields (task, result) as `each` does, where no process has a reason to die.

    `name`: of a task, for the user. Raises UserError where one dies, naming its task.
    """
    with closing(each(function, tasks, workers)) as outcomes:
        for task, outcome in outcomes:
            if isinstance(outcome, Failure):
                raise UserError(
                    f"the worker process that was at {name(task)} {outcome.reason}; the same "
                    "command continues with the rest"
                )
            yield task, outcome


def cores() -> int:
    """Returns the number of cores that this process may use."""
    return len(os.sched_getaffinity(0))


class _Worker:
    """A worker process, seen from outside, with the task that it has."""

    def __init__(self, context: SpawnContext, function: Callable[[Any], Any], task: Any):
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(
            target=pool_worker.work, args=(theirs, function), daemon=True
        )
        self.process.start()
        theirs.close()
        self._ready = False
        self.give(task)

    def give(self, task: Any) -> None:
        self.task, self.busy = task, True
        self._at, self._silent = None, 0.0
        with suppress(ConnectionError):  # it has ended: `listen` will say how
            self.pipe.send(task)

    def listen(
        self, passed: float, patience: float, tell: Callable[[Any], None]
    ) -> pool_worker.Answer | Piece | None:
        """Hears what the process says; returns an answer or a piece of it, None for none yet.

        `passed`: seconds since the last time.
        """
        self._silent += passed if self._ready else 0.0
        while (said := self._hear()) is not None:
            self._silent = 0.0
            if isinstance(said, pool_worker.Answer):
                self.busy = False
                return said
            if isinstance(said, Piece):
                return said
            if isinstance(said, pool_worker.Ready):
                self._ready = True
            else:
                self._at = said.at
                tell(said.at)
        if patience and self._silent > patience:
            self.busy = False
            return pool_worker.Answer(
                Failure(f"made no progress for {patience:g} s", self._at, hung=True)
            )
        return None

    def _hear(self) -> Any:
        """Returns what the process said next, None for nothing so far; how it ended, if it did."""
        try:
            return self.pipe.recv() if self.pipe.poll() else None
        except (EOFError, OSError):
            return pool_worker.Answer(self._ending())

    def _ending(self) -> Failure:
        """Returns what the end of the process means. Raises UserError where it is no task's."""
        self.process.join()
        status = self.process.exitcode
        if status in (-signal.SIGTERM, 128 + signal.SIGTERM):
            raise UserError("a worker process was stopped (SIGTERM); the same command continues")
        if status == -signal.SIGKILL:
            return Failure("was killed (SIGKILL): for want of memory?", self._at, killed=True)
        if not self._ready:
            raise UserError(f"worker processes cannot be started: one {_how(status)}")
        return Failure(_how(status), self._at)

    def stop(self) -> None:
        self.process.kill()
        self.process.join(STOPPING)
        self.pipe.close()
        if self.process.exitcode is not None:  # one that waits for a dead disk cannot be killed
            self.process.close()


def _how(status: int) -> str:
    if status >= 0:
        return f"ended with status {status}"
    names = {member.value: member.name for member in signal.Signals}
    return f"crashed ({names.get(-status, f'signal {-status}')})"


def _stop(crew: list[_Worker]) -> None:
    for member in crew:
        if member.busy:
            member.process.terminate()  # it removes what it has half-written
        member.pipe.close()  # one without a task leaves upon this
    deadline = time.monotonic() + STOPPING
    for member in crew:
        member.process.join(max(0.0, deadline - time.monotonic()))
        member.stop()
