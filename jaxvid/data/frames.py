"""The stored frames of one video by number: in a shard, in a temporary file, or the last ones."""

import tempfile
from array import array
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from typing import Protocol

IN_MEMORY = 2**26  # bytes of frames; with more, they go to a temporary file


class Frames(Protocol):
    """The bytes of a video's frames, by number from 0; a list is one.

    Raises IndexError for a frame that is not there. Not to be shared by threads.
    """

    def __len__(self) -> int: ...

    def __getitem__(self, number: int, /) -> bytes: ...


class StoredFrames:
    """The frames of a prepared video, read when they are asked for.

    `counts`: the number of frames in each of its records; `read` returns the frames of a record.
    The last record is kept: ask for frames in order.
    """

    def __init__(self, counts: Sequence[int], read: Callable[[int], list[bytes]]):
        self._ends = list(accumulate(counts))
        self._read = read
        self._kept: tuple[int, list[bytes]] = -1, []

    def __len__(self) -> int:
        return self._ends[-1]

    def __getitem__(self, number: int, /) -> bytes:
        _check(number, 0, len(self))
        record = bisect_right(self._ends, number)
        if record != self._kept[0]:
            self._kept = record, self._read(record)
        return self._kept[1][number - self._ends[record]]


class SpooledFrames:
    """The frames of a video that was decoded, of which `limit` bytes or fewer are in memory."""

    def __init__(self, frames: Iterable[bytes], limit: int = IN_MEMORY):
        self._file = tempfile.SpooledTemporaryFile(max_size=limit)  # noqa: SIM115
        self._ends = array("Q", [0])
        for frame in frames:
            self._file.write(frame)
            self._ends.append(self._file.tell())

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, number: int, /) -> bytes:
        _check(number, 0, len(self))
        self._file.seek(self._ends[number])
        return self._file.read(self._ends[number + 1] - self._ends[number])


class RecentFrames:
    """The frames of a video so far, without those that were dropped at its beginning."""

    def __init__(self) -> None:
        self._frames: deque[bytes] = deque()
        self._dropped = 0

    def __len__(self) -> int:
        return self._dropped + len(self._frames)

    def __getitem__(self, number: int, /) -> bytes:
        _check(number, self._dropped, len(self))
        return self._frames[number - self._dropped]

    def append(self, frame: bytes) -> None:
        self._frames.append(frame)

    def drop(self, before: int) -> None:
        """Drops the frames whose number is less than `before`."""
        while self._dropped < before and self._frames:
            self._frames.popleft()
            self._dropped += 1


def _check(number: int, first: int, end: int) -> None:
    if not first <= number < end:
        raise IndexError(f"frame {number} of {end}" + (f", {first} dropped" if first else ""))
