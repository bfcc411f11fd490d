"""What several modes print: tables, progress, warnings of skipped videos."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ml_collections import ConfigDict
from rich.console import Console
from rich.table import Table
from rich.text import Text

from jaxvid.data.datasets import layout
from jaxvid.errors import UserError
from jaxvid.inference import video_files
from jaxvid.inference.video_files import Done, Found
from jaxvid.runtime import progress

NUMBERS = ("from", "to", "probability")  # columns that are aligned to the right

logger = logging.getLogger(__name__)


def console() -> Console:
    """Returns a console as wide as the terminal; in a pipe, lines are not wrapped."""
    return Console() if Console().is_terminal else Console(width=10_000)


def table(columns: Sequence[str], title: Text | None = None) -> Table:
    """Returns an empty table."""
    made = Table(title=title)
    for column in columns:
        made.add_column(column, justify="right" if column in NUMBERS else "left", overflow="fold")
    return made


@contextmanager
def bar(description: str, total: int, before: int = 0) -> Iterator[Done]:
    """Shows a progress bar over videos; gives what is called with each one that is done."""
    with progress.Bar(description, total, before) as shown:
        yield lambda _: shown.advance()


def find(paths: list[str], config: ConfigDict) -> Found:
    """Returns the videos of a command line. Raises UserError where there are none."""
    found = video_files.find(paths, config)
    if not found.videos:
        warn_skipped(found.invalid, 0)
    return found


def warn_left_out(found: Found) -> None:
    """Warns of the files in folders that are no videos, by kind."""
    if found.left_out:
        logger.warning("left out: %s", layout.kinds(found.left_out))


def warn_skipped(skipped: dict[Path, str], done: int) -> None:
    """Warns of skipped videos with the reasons. Raises UserError where none was `done`."""
    if not done and len(skipped) == 1:
        ((path, reason),) = skipped.items()
        raise UserError(f"{path}: {reason}")
    for path, reason in skipped.items():
        logger.warning("skipped %s: %s", path, reason)
    if skipped and not done:
        raise UserError(f"none of the {len(skipped)} videos can be read: all are skipped")


def clock(seconds: float) -> str:
    """Returns a time as hours (from one hour on), minutes and seconds with a tenth."""
    tenths = round(seconds * 10)
    minutes, tenths = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    text = f"{minutes}:{tenths // 10:02d}.{tenths % 10}"
    return f"{hours}:{text.zfill(7)}" if hours else text
