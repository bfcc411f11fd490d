"""Progress: a bar on the terminal, and now and then a line where there is none."""

import time
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
)

SECONDS_BETWEEN_LINES = 30.0  # where there is no terminal


class Bar:
    """Shows on stderr how much of `total` is done, unless `quiet`; a context manager."""

    def __init__(
        self, description: str, total: int, done: int = 0, shown: str = "", quiet: bool = False
    ):
        self._description, self._total, self._done = description, total, done
        console = Console(stderr=True, quiet=quiet)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[shown]}"),
            TimeElapsedColumn(),
            console=console,
            disable=quiet or not console.is_terminal,
        )
        self._task = self._progress.add_task(description, total=total, completed=done, shown=shown)
        self._last_line = time.monotonic()

    def __enter__(self) -> "Bar":
        self._progress.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._progress.stop()

    def advance(self, count: int = 1, shown: str = "") -> None:
        """Tells that `count` more are done; `shown` stands beside the bar."""
        self._done += count
        self._progress.update(self._task, completed=self._done, shown=shown)
        if self._progress.disable and time.monotonic() - self._last_line > SECONDS_BETWEEN_LINES:
            self.line(shown)

    def line(self, text: str) -> None:
        """Prints a line above the bar: how much is done, and a text."""
        self._last_line = time.monotonic()
        self._progress.console.print(
            f"{self._description} {self._done}/{self._total} {text}".rstrip(),
            highlight=False,
            soft_wrap=True,
        )
