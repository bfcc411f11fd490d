"""Progress: a bar on the terminal, and now and then a line where there is none."""

import functools
import sys
import threading
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
LONG = 1.0  # seconds, of a compilation that is announced
# Names that JAX has for them; without them nothing is announced.
COMPILATION_BEGINS = "/jax/compilation_cache/compile_requests_use_cache"
COMPILATION_ENDS = "/jax/core/compile/backend_compile_duration"


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
            redirect_stdout=sys.stdout.isatty(),  # into a file or a pipe it goes as ever
        )
        self._task = self._progress.add_task(description, total=total, completed=done, shown=shown)
        self._last_line = time.monotonic()

    def __enter__(self) -> "Bar":
        self._progress.start()
        return self

    def __exit__(self, *_: Any) -> None:
        if not self._progress.disable:  # versions of Rich before 15 end a line that is not there
            self._progress.stop()

    def advance(self, count: int = 1, shown: str = "") -> None:
        """Adds `count` to what is done; `shown` stands beside the bar."""
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


@functools.cache
def announce(text: str) -> None:
    """Prints once on stderr what the user waits for, if that is a terminal."""
    if sys.stderr.isatty():
        print(f"{text} ...", file=sys.stderr, flush=True)


def announce_compiling() -> None:
    """Announces the first long compilation of JAX from now on, if stderr is a terminal."""
    if not sys.stderr.isatty():
        return
    from jax import monitoring

    timer: threading.Timer | None = None

    def begin(event: str, **_: Any) -> None:
        nonlocal timer
        if event == COMPILATION_BEGINS:
            timer = threading.Timer(LONG, announce, ["compiling (first time)"])
            timer.daemon = True
            timer.start()

    def end(event: str, duration_secs: float, **_: Any) -> None:
        if event == COMPILATION_ENDS and timer:
            timer.cancel()

    monitoring.register_event_listener(begin)
    monitoring.register_event_duration_secs_listener(end)
