"""Work on several files at a time in threads, each some results ahead of their consumer."""

import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")


@dataclass(frozen=True)
class _End:
    error: BaseException | None


class Ahead(Iterator[Result]):
    """The results of an iterator that runs in a thread of its own.

    `ahead` results wait to be taken at most: then the thread waits or, with `drops`, the oldest one
    is dropped. Exceptions of the iterator are raised here.
    """

    def __init__(self, results: Iterable[Result], ahead: int, drops: bool = False):
        self._queue: queue.Queue[Result | _End] = queue.Queue(maxsize=max(1, ahead))
        self._drops = drops
        self._end: _End | None = None
        self._stopped = threading.Event()
        threading.Thread(target=self._run, args=(results,), daemon=True).start()

    def _run(self, results: Iterable[Result]) -> None:
        error: BaseException | None = None
        try:
            for result in results:
                self._put(result)
                if self._stopped.is_set():
                    return
        except BaseException as raised:
            error = raised
        self._put(_End(error))

    def _put(self, result: Result | _End) -> None:
        while not self._stopped.is_set():
            try:
                self._queue.put(result, timeout=0 if self._drops else 0.2)
                return
            except queue.Full:
                if self._drops:
                    with suppress(queue.Empty):  # taken meanwhile
                        self._queue.get_nowait()

    def __next__(self) -> Result:
        result = self._end or self._queue.get()
        if not isinstance(result, _End):
            return result
        self._end = result
        raise result.error or StopIteration

    @property
    def waiting(self) -> int:
        """The number of results that wait to be taken."""
        return self._queue.qsize()

    def stop(self) -> None:
        """Ends the thread after the result that it is at."""
        self._stopped.set()


def in_turn(
    produce: Callable[[Task], Iterable[Result]], tasks: Sequence[Task], threads: int, ahead: int
) -> Iterator[tuple[Task, Result]]:
    """Yields (task, result) from the iterators that `produce` makes of tasks, one of each in turn.

    `threads` of them run at a time, each at most `ahead` results before they are taken. The order
    depends on the tasks alone. Exceptions of the iterators are raised here.
    """
    started = ((task, Ahead(produce(task), ahead)) for task in tasks)
    running = list(islice(started, threads))
    place = 0
    try:
        while running:
            place %= len(running)
            task, results = running[place]
            for result in results:
                yield task, result
                place += 1
                break
            else:
                running[place : place + 1] = islice(started, 1)
    finally:
        for _, results in running:
            results.stop()
