"""Decoding in other processes: a video that crashes its decoder, or hangs it, costs itself alone.

For videos outside a dataset; preparation has processes of its own.
"""

import logging
from collections.abc import Generator, Iterator
from pathlib import Path

from jaxvid.data.modalities import Modality
from jaxvid.data.video import Facts, VideoError, decoded
from jaxvid.runtime.crew import Crew
from jaxvid.runtime.process_pool import Failure, Piece

logger = logging.getLogger(__name__)

# Seconds that a decoder may take for one frame. Long: a slow disk is no damaged video.
PATIENCE = 300.0
SENT = 2**18  # bytes of frames that are sent together


def encode(path: Path, modality: Modality, facts: Facts) -> Iterator[bytes]:
    """Yields a video's frames as a modality stores them; fills `facts`. Raises VideoError."""
    for frames in _run(path, modality, facts, stores=True):
        yield from frames


def check(path: Path, modality: Modality, facts: Facts) -> None:
    """Decodes a video whole, to fill `facts`. Raises VideoError."""
    for _ in _run(path, modality, facts, stores=False):
        pass


def _run(path: Path, modality: Modality, facts: Facts, stores: bool) -> Iterator[list[bytes]]:
    """Yields the pieces of a task, and fills `facts`."""
    # Absolute: a process keeps the working directory of the time when it was started.
    found = yield from _crew.stream((path.absolute(), modality, stores))
    if isinstance(found, Failure):
        raise VideoError(f"its decoder {found.reason}", outside=found.killed or found.hung)
    last, seen = found
    yield last
    vars(facts).update(vars(seen))
    if stores and facts.damaged:
        logger.warning("%s: %d damaged packets or frames; the others are read", path, facts.damaged)


def _work(
    task: tuple[Path, Modality, bool],
) -> Generator[Piece | None, None, tuple[list[bytes], Facts]]:
    path, modality, stores = task
    facts = Facts()
    if not stores:
        for _ in decoded(modality.check(path, facts)):
            yield None  # it goes on
        return [], facts
    held: list[bytes] = []
    size = 0
    for frame in decoded(modality.encode(path, facts)):
        yield None
        held.append(frame)
        size += len(frame)
        if size > SENT:
            yield Piece(held)
            held, size = [], 0
    return held, facts


_crew = Crew(_work, PATIENCE)
