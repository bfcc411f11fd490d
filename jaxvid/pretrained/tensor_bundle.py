"""TensorFlow 1 checkpoints (NAME.index, NAME.data-00000-of-00001), read without TensorFlow.

The index is a sorted table in LevelDB's format: a footer points to an index block, that to data
blocks of keys, each stored as what differs from the key before it. A value is a protocol buffer
with the tensor's place in the data file.
"""

import math
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from tensorboardX.crc32c import crc32c

from jaxvid.errors import UserError

FOOTER = 48
MAGIC = 0xDB4775248B80FB57
FLOAT = 1  # DT_FLOAT
TYPES = {
    2: "float64",
    3: "int32",
    7: "string",
    9: "int64",
    10: "bool",
    14: "bfloat16",
    19: "float16",
}


def index_path(path: Path) -> Path:
    """Returns a checkpoint's index file: `path` is its prefix, one of its files, or their folder.

    Raises UserError where a folder has another number of them than one.
    """
    if path.is_dir():
        found = sorted(path.glob("*.index"))
        if len(found) != 1:
            raise UserError(f"{path} holds {len(found)} index files: name one of them")
        return found[0]
    name = path.name
    if ".data-" in name:
        name = name[: name.rindex(".data-")]
    return path.with_name(name.removesuffix(".index") + ".index")


def read(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Reads the float32 tensors of a checkpoint, and the types of the others (a step count).

    `path`: as `index_path` takes it. Both are by name. Raises UserError where a file is missing,
    damaged or not what it should be.
    """
    index = index_path(path)
    entries = _entries(index)
    data_files = _message(entries.pop(b"", b""), index)[0].get(1, 0)
    if data_files != 1:
        raise UserError(f"{index}: a checkpoint must have one data file, not {data_files}")
    data = index.with_suffix(".data-00000-of-00001")
    if not data.is_file():
        raise UserError(f"{data} does not exist: it belongs to {index}")
    values = np.memmap(data, np.uint8, "r") if data.stat().st_size else np.zeros(0, np.uint8)
    tensors, others = {}, {}
    for key, entry in entries.items():
        name = key.decode()
        numbers, parts = _message(entry, index)
        kind, offset, size = (numbers.get(field, 0) for field in (1, 4, 5))
        if kind != FLOAT:
            others[name] = TYPES.get(kind, f"number {kind} of TensorFlow's")
            continue
        dimensions = _message(b"".join(parts.get(2, [])), index)[1].get(2, [])
        shape = tuple(_message(dimension, index)[0].get(1, 0) for dimension in dimensions)
        if size != 4 * math.prod(shape):
            raise UserError(f"{index} is damaged: {name!r} of shape {shape} has {size} bytes")
        if offset + size > len(values):
            raise UserError(
                f"{data} is cut short: {name} ends at byte {offset + size}, the file has "
                f"{len(values)}"
            )
        tensor = values[offset : offset + size].view("<f4").reshape(shape)
        if not np.isfinite(tensor).all():
            raise UserError(f"{data} is damaged: {name} has values that are not finite")
        tensors[name] = np.array(tensor, np.float32)
    return tensors, others


def _entries(index: Path) -> dict[bytes, bytes]:
    if not index.is_file():
        raise UserError(f"{index} does not exist: pass a checkpoint's index file")
    content = index.read_bytes()
    if len(content) < FOOTER or struct.unpack_from("<Q", content, len(content) - 8)[0] != MAGIC:
        raise UserError(f"{index} is damaged, or not the index of a TensorFlow checkpoint")
    try:
        footer = content[-FOOTER:]
        _, place = _varint(footer, 0)
        _, place = _varint(footer, place)  # the meta index's place and size, which is empty
        blocks = _block(content, footer[place:])
        return {key: value for _, handle in blocks for key, value in _block(content, handle)}
    except (IndexError, struct.error, ValueError) as error:
        raise UserError(f"{index} is damaged: {error}") from None


def _block(content: bytes, handle: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yields the keys and values of the block that a handle (place, size) points to."""
    start, place = _varint(handle, 0)
    size, _ = _varint(handle, place)
    block, trailer = content[start : start + size], content[start + size : start + size + 5]
    if len(trailer) < 5 or trailer[0] != 0:
        raise ValueError(f"no uncompressed block of {size} bytes at {start}")
    if struct.unpack("<I", trailer[1:])[0] != _masked_crc(block + trailer[:1]):
        raise ValueError(f"the block at {start} has changed since it was written")
    restarts = struct.unpack_from("<I", block, size - 4)[0]
    end, at, key = size - 4 * (restarts + 1), 0, b""
    while at < end:
        shared, at = _varint(block, at)
        added, at = _varint(block, at)
        length, at = _varint(block, at)
        key = key[:shared] + block[at : at + added]
        yield key, block[at + added : at + added + length]
        at += added + length


def _message(message: bytes, index: Path) -> tuple[dict[int, int], dict[int, list[bytes]]]:
    """Returns a protocol buffer's integers and its byte strings, by the numbers of the fields."""
    numbers: dict[int, int] = {}
    parts: dict[int, list[bytes]] = {}
    at = 0
    try:
        while at < len(message):
            tag, at = _varint(message, at)
            field, kind = tag >> 3, tag & 7
            if kind == 0:
                numbers[field], at = _varint(message, at)
            elif kind == 2:
                length, at = _varint(message, at)
                parts.setdefault(field, []).append(message[at : at + length])
                at += length
            elif kind in (1, 5):  # a fixed number, of which none is needed
                at += 8 if kind == 1 else 4
            else:
                raise ValueError(f"field {field} of unknown kind {kind}")
    except (IndexError, ValueError) as error:
        raise UserError(f"{index} is damaged: {error}") from None
    return numbers, parts


def _varint(content: bytes, at: int) -> tuple[int, int]:
    """Returns the number that begins at a place, seven bits a byte, and where it ends."""
    value = shift = 0
    while True:
        byte = content[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def _masked_crc(content: bytes) -> int:
    """Returns the CRC-32C of bytes, turned and shifted as LevelDB stores it."""
    crc = crc32c(content)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
