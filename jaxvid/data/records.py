"""Prepared videos: ArrayRecord shards of JPEG frames, with a manifest that says what is where.

One record is one video: a msgpack map of `id`, `fps` and `frames`, a list of JPEG files. Labels and
splits are not in it: they come from the dataset's index, so that all splits share one preparation.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import msgpack
import numpy as np
from array_record.python.array_record_data_source import ArrayRecordDataSource
from array_record.python.array_record_module import ArrayRecordReader, ArrayRecordWriter

from jaxvid import files
from jaxvid.errors import UserError

FORMAT = 1
MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Record:
    """One prepared video: `frames` are JPEG files, `fps` is frames per second."""

    id: str
    fps: float
    frames: list[bytes]

    def decode(self, index: int) -> np.ndarray:
        """Returns frame `index`, (H, W, 3) uint8 RGB."""
        return cv2.imdecode(np.frombuffer(self.frames[index], np.uint8), cv2.IMREAD_COLOR_RGB)


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
    """Random access to the prepared videos of a folder, by position or by clip id."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.manifest = files.read_json(folder / MANIFEST)
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

    def __len__(self) -> int:
        return len(self.position)

    def __getitem__(self, position: int) -> Record:
        try:
            return unpack(self._source[position])
        except (RuntimeError, ValueError) as error:
            raise UserError(
                f"a prepared shard in {self.folder} is damaged ({str(error).splitlines()[0]}); "
                "delete that folder to prepare anew"
            ) from None
