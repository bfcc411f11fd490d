"""Work on several files at a time in threads, each some results ahead of who takes them."""

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")

_END = object()


class _Running:
    """One task's iterator in a thread of its own."""

    def __init__(self, task: Any, produce: Callable[[Any], Iterator[Any]], ahead: int):
        self.task = task
        self._results: queue.Queue[Any] = queue.Queue(maxsize=max(1, ahead))
        self._stopped = threading.Event()
        self._error: BaseException | None = None
        threading.Thread(target=self._run, args=(produce,), daemon=True).start()

    def _run(self, produce: Callable[[Any], Iterator[Any]]) -> None:
        try:
            for result in produce(self.task):
                self._put(result)
                if self._stopped.is_set():
                    return
        except BaseException as error:  # raised again in who takes the results
            self._error = error
        self._put(_END)

    def _put(self, result: Any) -> None:
        while not self._stopped.is_set():
            try:
                self._results.put(result, timeout=0.2)
                return
            except queue.Full:
                continue

    def take(self) -> Any:
        result = self._results.get()
        if result is _END and self._error is not None:
            raise self._error
        return result

    def stop(self) -> None:
        self._stopped.set()


def in_turn(
    produce: Callable[[Task], Iterator[Result]], tasks: Sequence[Task], threads: int, ahead: int
) -> Iterator[tuple[Task, Result]]:
    """Yields (task, result) from the iterators that `produce` makes of tasks, one of each in turn.

    `threads` of them run at a time, each at most `ahead` results before they are taken. The order
    depends on the tasks alone. What `produce` raises is raised here.
    """
    waiting = iter(tasks)
    running: list[_Running] = []
    place = 0
    try:
        while True:
            while len(running) < threads and (task := next(waiting, _END)) is not _END:
                running.append(_Running(task, produce, ahead))
            if not running:
                return
            place %= len(running)
            result = running[place].take()
            if result is _END:
                del running[place]
                if (task := next(waiting, _END)) is not _END:
                    running.insert(place, _Running(task, produce, ahead))
            else:
                yield running[place].task, result
                place += 1
    finally:
        for each in running:
            each.stop()
