"""Prepared videos: ArrayRecord shards of a modality's frames, with a manifest of what is where.

A video is one record or, where it is long, several that follow each other: what a clip shows is
read without the rest. A record is a msgpack map of `id` and `frames`, a list with the bytes of each
frame. Where frames come at a varying rate, one more record holds `id` and `times`. Labels and
splits are not in it: they come from the dataset's index, so that all splits share the shards.
"""

import bisect
import itertools
import operator
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import msgpack
import numpy as np
from array_record.python.array_record_module import ArrayRecordReader, ArrayRecordWriter

from jaxvid.data import damage
from jaxvid.data.modalities import Cut, Modality, settings
from jaxvid.data.video import VideoError
from jaxvid.errors import UserError
from jaxvid.runtime import files

FORMAT = 3
MANIFEST = "manifest.json"
NO_ROOM = "is the disk full? make room, and the same command continues"
SEGMENT = 2**20  # bytes of frames up to which a video is one record


@dataclass(frozen=True)
class Record:
    """A modality of one prepared video: `frames` are its frames' bytes, `fps` frames per second.

    `times` (T,): when each frame appears, seconds from 0, where their rate varies around `fps`.
    `shard`: the file it is read from, if it is.
    """

    id: str
    fps: float
    frames: Sequence[bytes]
    times: np.ndarray | None = None
    shard: Path | None = None

    def read(self, modality: Modality, indices: np.ndarray, cut: Cut | None = None) -> np.ndarray:
        """Returns frames as their modality reads them, (n, ...), each as `cut` leaves it.

        Raises UserError where a shard holds something else in their place.
        """
        try:
            return modality.read(self.frames, indices, cut)
        except (VideoError, ValueError, cv2.error) as error:
            if self.shard is None or isinstance(error, UserError):
                raise
            raise damage.damaged(self.shard, self.id, error) from None


class Frames(Sequence[bytes]):
    """The frames of a prepared video, read when they are asked for.

    `counts`: of the frames in each of its records; `read` returns those of a record by its place.
    The record that was read last is kept: ask for frames in order. Not to be shared by threads.
    """

    def __init__(self, counts: Sequence[int], read: Callable[[int], list[bytes]]):
        self._ends = list(itertools.accumulate(counts))
        self._read = read
        self._place, self._held = -1, []

    def __len__(self) -> int:
        return self._ends[-1]

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        i = operator.index(index)
        i += len(self) if i < 0 else 0
        if not 0 <= i < len(self):
            raise IndexError(f"frame {index} of {len(self)}")
        place = bisect.bisect_right(self._ends, i)
        if place != self._place:
            self._held, self._place = self._read(place), place
        return self._held[i - self._ends[place]]


class ShardWriter:
    """Writes videos to one ArrayRecord file, one after the other; a context manager.

    `begin` a video, `add` its frames, `end` it. `count`: records so far. All of them raise OSError
    where the disk takes no more. A video that is begun while another one is not ended leaves of
    that one what is written, for nobody to read.
    """

    def __init__(self, path: Path):
        # One record a chunk: clips are read in random order, and JPEG does not compress further.
        self._path = path
        self._writer = ArrayRecordWriter(str(path), "group_size:1,uncompressed")
        self.count = 0

    def __enter__(self) -> "ShardWriter":
        return self

    def begin(self, clip_id: str) -> None:
        self._id = clip_id
        self._counts: list[int] = []
        self._held: list[bytes] = []
        self._size = 0

    def add(self, frame: bytes) -> None:
        if self._held and self._size + len(frame) > SEGMENT:
            self._flush(self._held)
            self._held, self._size = [], 0
        self._held.append(frame)
        self._size += len(frame)

    def end(self, times: np.ndarray | None = None) -> list[int]:
        """Returns how many frames are in each of the video's records; its `times` follow those."""
        if self._held:
            self._flush(self._held)
        if times is not None:
            self._write(times=times.astype("<f8").tobytes())
        return self._counts

    def _flush(self, frames: list[bytes]) -> None:
        self._write(frames=frames)
        self._counts.append(len(frames))

    def _write(self, **content: Any) -> None:
        with self._disk_errors():
            self._writer.write(msgpack.packb({"id": self._id, **content}))
        self.count += 1

    def __exit__(self, *_: Any) -> None:
        with self._disk_errors():
            self._writer.close()

    @contextmanager
    def _disk_errors(self) -> Iterator[None]:
        try:
            yield
        except RuntimeError as error:
            raise OSError(f"{self._path} could not be written: {NO_ROOM}") from error


def count(path: Path) -> int:
    """Returns the number of records in a shard file, 0 where it is damaged."""
    try:
        reader = ArrayRecordReader(str(path))
        try:
            return reader.num_records() if reader.ok() else 0
        finally:
            reader.close()
    except RuntimeError:
        return 0


def is_whole(path: Path, size: int) -> bool:
    """Says whether a shard file is there, of the size in bytes that was noted."""
    return path.is_file() and path.stat().st_size == size


@dataclass(frozen=True)
class _Place:
    """Where a video is: its shard, the key of its first record, frames in each, times after."""

    shard: Path
    first: int
    counts: Sequence[int]
    fps: float
    times: bool


@dataclass(frozen=True)
class _Instruction:
    """A whole shard, for ArrayRecord, which need not open it to know how many records it has."""

    filename: str
    take: int
    examples_in_shard: int
    skip: int = 0


class RecordSource:
    """Random access to one prepared modality of a dataset's videos, by clip id.

    `folder` holds the manifest. Raises UserError where it is of another modality or of other
    settings, or names shards that are not there.
    """

    def __init__(self, folder: Path, modality: Modality):
        self.folder, self.modality = folder, modality
        self.manifest = files.read_json(folder / MANIFEST)
        self._check_settings()
        instructions, start = [], 0
        self.position: dict[str, _Place] = {}
        for shard in self.manifest["shards"]:
            path = folder.parent / shard["file"]
            if not is_whole(path, shard["bytes"]):
                raise UserError(f"prepared shard {path} is missing or damaged; {damage.REMEDY}")
            for clip in shard["clips"]:
                self.position[clip["id"]] = _Place(
                    path, start + clip["first"], clip["counts"], clip["fps"], clip["times"]
                )
            instructions.append(_Instruction(str(path), shard["records"], shard["records"]))
            start += shard["records"]
        # Here: worker processes that prepare only write, and start sooner without it.
        from array_record.python.array_record_data_source import ArrayRecordDataSource

        self._source = ArrayRecordDataSource(instructions) if instructions else []

    def _check_settings(self) -> None:
        there, wanted = self.manifest["settings"], settings(self.modality)
        changed = [name for name in {**wanted, **there} if there.get(name) != wanted.get(name)]
        if changed:
            raise UserError(
                f"{self.folder} was prepared with other settings ("
                + "; ".join(f"{n}: {there.get(n)!r} there, {wanted.get(n)!r} now" for n in changed)
                + "); run with --mode=prepare and this config to prepare what it reads"
            )

    def __getitem__(self, clip_id: str) -> Record:
        place = self.position[clip_id]

        def read(segment: int) -> list[bytes]:
            frames = self._read(clip_id, place, segment, "frames")
            if len(frames) != place.counts[segment]:
                raise damage.damaged(place.shard, clip_id, "other frames than noted")
            return frames

        times = None
        if place.times:
            times = np.frombuffer(self._read(clip_id, place, len(place.counts), "times"), "<f8")
        return Record(clip_id, place.fps, Frames(place.counts, read), times, place.shard)

    def _read(self, clip_id: str, place: _Place, record: int, name: str) -> Any:
        try:
            content = msgpack.unpackb(self._source[place.first + record])
            if content["id"] == clip_id:
                return content[name]
            reason = f"{content['id']} is in its place"
        except MemoryError:
            raise
        except Exception as error:  # of any kind: bytes that are not ours say anything
            reason = error
        raise damage.damaged(place.shard, clip_id, reason)


class Videos:
    """The prepared modalities of videos side by side, by clip id.

    It holds those videos that have all the modalities.
    """

    def __init__(self, sources: Sequence[RecordSource]):
        self.sources = tuple(sources)

    def __contains__(self, clip_id: str) -> bool:
        return all(clip_id in source.position for source in self.sources)

    def __getitem__(self, clip_id: str) -> list[tuple[Modality, Record]]:
        """Returns each modality with its record of a video."""
        return [(source.modality, source[clip_id]) for source in self.sources]
