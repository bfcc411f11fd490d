"""One video's frames while clips are cut from it: in memory or, where it is long, on disk."""

import tempfile
from array import array
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from jaxvid.data.modalities import Modality
from jaxvid.data.prepare import shards
from jaxvid.data.records import Record
from jaxvid.data.video import Facts

IN_MEMORY = 2**26  # bytes of frames; with more, they go to a temporary file


def record(path: Path, modality: Modality) -> Record:
    """Decodes a video and returns the record of a modality of it. Raises VideoError."""
    facts = Facts()
    frames = Spooled(shards.decoded(modality.encode(path, facts)))
    fps, times = facts.clock()
    return Record(str(path), fps, frames, times)


class Spooled(Sequence[bytes]):
    """Frames by number, of which no more than `limit` bytes are held in memory."""

    def __init__(self, frames: Iterable[bytes], limit: int = IN_MEMORY):
        self._file = tempfile.SpooledTemporaryFile(max_size=limit)  # noqa: SIM115
        self._ends = array("Q", [0])
        for frame in frames:
            self._file.write(frame)
            self._ends.append(self._file.tell())

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, index: Any) -> bytes:
        if not 0 <= index < len(self):
            raise IndexError(f"frame {index} of {len(self)}")
        self._file.seek(self._ends[index])
        return self._file.read(self._ends[index + 1] - self._ends[index])
