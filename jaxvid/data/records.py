"""Prepared videos: ArrayRecord shards of a stream's frames, with a manifest of what is where.

One record is one stream of one video: a msgpack map of `id`, `fps` and `frames`, a list with the
bytes of each frame. Labels and splits are not in it: they come from the dataset's index, so that
all splits share one preparation.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgpack
from array_record.python.array_record_data_source import ArrayRecordDataSource
from array_record.python.array_record_module import ArrayRecordReader, ArrayRecordWriter

from jaxvid import files
from jaxvid.data.streams import Stream, settings
from jaxvid.errors import UserError

FORMAT = 2
MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Record:
    """A stream of one prepared video: `frames` are its frames' bytes, `fps` frames per second."""

    id: str
    fps: float
    frames: list[bytes]


def pack(record: Record) -> bytes:
    """Returns a record's bytes."""
    return msgpack.packb({"id": record.id, "fps": record.fps, "frames": record.frames})


def unpack(data: bytes) -> Record:
    """Returns the record that `pack` made bytes of."""
    return Record(**msgpack.unpackb(data))


class ShardWriter:
    """Writes records to one ArrayRecord file; a context manager."""

    def __init__(self, path: Path):
        # One record a chunk: clips are read in random order, and JPEG does not compress further.
        self._path = path
        self._writer = ArrayRecordWriter(str(path), "group_size:1,uncompressed")

    def __enter__(self) -> "ShardWriter":
        return self

    def write(self, record: Record) -> None:
        """Appends a record. Raises OSError where the disk does not take it."""
        with self._disk_errors():
            self._writer.write(pack(record))

    def __exit__(self, *_: Any) -> None:
        with self._disk_errors():
            self._writer.close()

    @contextmanager
    def _disk_errors(self) -> Iterator[None]:
        try:
            yield
        except RuntimeError as error:
            raise OSError(f"{self._path} could not be written: {error}") from error


def count(path: Path) -> int:
    """Returns the number of records in a shard file. Raises RuntimeError where it is damaged."""
    reader = ArrayRecordReader(str(path))
    try:
        if not reader.ok():
            raise RuntimeError(f"{path} is damaged")
        return reader.num_records()
    finally:
        reader.close()


class RecordSource:
    """Random access to one prepared stream of videos, in a folder, by clip id.

    Raises UserError where the folder holds another stream, one prepared with other settings, or
    damaged shards.
    """

    def __init__(self, folder: Path, stream: Stream):
        self.folder, self.stream = folder, stream
        self.manifest = files.read_json(folder / MANIFEST)
        self._check_settings()
        paths = []
        self.position: dict[str, int] = {}
        for shard in self.manifest["shards"]:
            path = folder / shard["file"]
            if not path.is_file() or path.stat().st_size != shard["bytes"]:
                raise UserError(
                    f"prepared shard {path} is missing or damaged; delete {folder} to prepare anew"
                )
            for clip in shard["clips"]:
                self.position[clip["id"]] = len(self.position)
            if shard["clips"]:
                paths.append(str(path))
        self._source = ArrayRecordDataSource(paths)

    def _check_settings(self) -> None:
        there, wanted = self.manifest["settings"], settings(self.stream)
        changed = [name for name in {**wanted, **there} if there.get(name) != wanted.get(name)]
        if changed:
            raise UserError(
                f"{self.folder} was prepared with other settings ("
                + "; ".join(f"{n}: {there.get(n)!r} there, {wanted.get(n)!r} now" for n in changed)
                + "); run with --mode=prepare and this config to prepare what it reads"
            )

    def __getitem__(self, clip_id: str) -> Record:
        try:
            return unpack(self._source[self.position[clip_id]])
        except (RuntimeError, ValueError) as error:
            raise UserError(
                f"a prepared shard in {self.folder} is damaged ({str(error).splitlines()[0]}); "
                "delete that folder to prepare anew"
            ) from None


class Videos:
    """The prepared streams of videos side by side, by clip id.

    It holds those videos that have all the streams.
    """

    def __init__(self, sources: Sequence[RecordSource]):
        self.sources = tuple(sources)

    def __contains__(self, clip_id: str) -> bool:
        return all(clip_id in source.position for source in self.sources)

    def __getitem__(self, clip_id: str) -> list[tuple[Stream, Record]]:
        """Returns each stream with its record of a video."""
        return [(source.stream, source[clip_id]) for source in self.sources]
