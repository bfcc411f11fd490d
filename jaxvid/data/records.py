"""Prepared videos: ArrayRecord shards of a modality's frames, with a manifest of what is where.

A video is one record or, where it is long, several that follow each other: what a clip shows is
read without the rest. A record is a msgpack map of `id` and `frames`, a list with the bytes of each
frame. Where frames come at a varying rate, one more record holds `id` and `times`. Labels and
splits are not in it: they come from the dataset's index, so that all splits share the shards.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import msgpack
import numpy as np
from array_record.python.array_record_module import ArrayRecordReader, ArrayRecordWriter

from jaxvid.data import damage, supervised
from jaxvid.data.frames import Frames, SpooledFrames, StoredFrames
from jaxvid.data.modalities import Cut, Modality, settings
from jaxvid.data.video import Facts, VideoError, decoded
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
    frames: Frames
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


def decode(path: Path, modality: Modality) -> Record:
    """Decodes a video, in another process; returns its record of a modality. Raises VideoError."""
    facts = Facts()
    frames = SpooledFrames(decoded(supervised.encode(path, modality, facts)))
    fps, times = facts.clock()
    return Record(str(path), fps, frames, times)


class ShardWriter:
    """Writes videos to one ArrayRecord file, one after the other; a context manager.

    `begin` a video, `add` its frames, `end` it. `count`: records so far. All of them raise OSError
    where the disk takes no more. A video that is begun while another one is not ended leaves of
    that one what is written, for nobody to read.
    """

    def __init__(self, path: Path):
        # One record a chunk: videos are read in random order, and JPEG does not compress further.
        self._path = path
        self._writer = ArrayRecordWriter(str(path), "group_size:1,uncompressed")
        self.count = 0

    def __enter__(self) -> "ShardWriter":
        return self

    def begin(self, video_id: str) -> None:
        self._id = video_id
        self._counts: list[int] = []
        self._held: list[bytes] = []
        self._size = 0

    def add(self, frame: bytes) -> None:
        if self._held and self._size + len(frame) > SEGMENT:
            self._flush()
        self._held.append(frame)
        self._size += len(frame)

    def end(self, times: np.ndarray | None = None) -> list[int]:
        """Returns how many frames are in each of the video's records; its `times` follow those."""
        if self._held:
            self._flush()
        if times is not None:
            self._write(times=times.astype("<f8").tobytes())
        return self._counts

    def _flush(self) -> None:
        self._write(frames=self._held)
        self._counts.append(len(self._held))
        self._held, self._size = [], 0

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
        with closing(ArrayRecordReader(str(path))) as reader:
            return reader.num_records() if reader.ok() else 0
    except RuntimeError:
        return 0


def is_whole(path: Path, size: int) -> bool:
    """Returns whether a shard file is there, of the size in bytes that was noted."""
    return path.is_file() and path.stat().st_size == size


@dataclass(frozen=True)
class _Place:
    """Where a video is: its shard, the key of its first record, frames in each, times after."""

    shard: Path
    first: int
    counts: Sequence[int]
    fps: float
    times: bool


class RecordSource:
    """Random access to one prepared modality of a dataset's videos, by video id.

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
            for video in shard["clips"]:
                self.position[video["id"]] = _Place(
                    path, start + video["first"], video["counts"], video["fps"], video["times"]
                )
            # A whole shard: ArrayRecord need not open it for the number of its records.
            whole = {"skip": 0, "take": shard["records"], "examples_in_shard": shard["records"]}
            instructions.append(SimpleNamespace(filename=str(path), **whole))
            start += shard["records"]
        # Here: worker processes that prepare only write, and start sooner without it.
        from array_record.python.array_record_data_source import ArrayRecordDataSource

        self._source = ArrayRecordDataSource(instructions) if instructions else []

    def _check_settings(self) -> None:
        there, now = self.manifest["settings"], settings(self.modality)
        changed = [name for name in {**now, **there} if there.get(name) != now.get(name)]
        if changed:
            raise UserError(
                f"{self.folder} was prepared with other settings ("
                + "; ".join(f"{n}: {there.get(n)!r} there, {now.get(n)!r} now" for n in changed)
                + "); run with --mode=prepare and this config to prepare what it reads"
            )

    def __getitem__(self, video_id: str) -> Record:
        place = self.position[video_id]

        def read(segment: int) -> list[bytes]:
            frames = self._read(video_id, place, segment, "frames")
            if len(frames) != place.counts[segment]:
                raise damage.damaged(place.shard, video_id, "other frames than noted")
            return frames

        times = None
        if place.times:
            times = np.frombuffer(self._read(video_id, place, len(place.counts), "times"), "<f8")
        return Record(video_id, place.fps, StoredFrames(place.counts, read), times, place.shard)

    def _read(self, video_id: str, place: _Place, record: int, name: str) -> Any:
        reason: object
        try:
            content = msgpack.unpackb(self._source[place.first + record])
            if content["id"] == video_id:
                return content[name]
            reason = f"{content['id']} is in its place"
        except MemoryError:
            raise
        except Exception as error:  # of any kind: damaged bytes can cause each
            reason = error
        raise damage.damaged(place.shard, video_id, reason)


class PreparedDataset:
    """The prepared modalities of a dataset's videos side by side, by video id.

    It contains the videos that have all the modalities.
    """

    def __init__(self, sources: Sequence[RecordSource]):
        self.sources = tuple(sources)

    def __contains__(self, video_id: str) -> bool:
        return all(video_id in source.position for source in self.sources)

    def identity(self, video_id: str) -> list[str]:
        """Returns names that change with a video's content and with the settings of its records.

        A shard is named by the states of its videos' files, its folder by the settings.
        """
        shards = [source.position[video_id].shard for source in self.sources]
        return [f"{shard.parent.name}/{shard.name}" for shard in shards]

    def __getitem__(self, video_id: str) -> list[tuple[Modality, Record]]:
        """Returns each modality with its record of a video."""
        return [(source.modality, source[video_id]) for source in self.sources]
