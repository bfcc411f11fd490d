"""Notes: the JSON file beside each shard, which lists the videos in it and those that failed.

The order of the fields here is their order in the files.
"""

import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from jaxvid.data import records

Key = tuple[str, str]  # a video's id and the state of its files


@dataclass(frozen=True)
class Decoded:
    """A video that decodes: where it is in its shard, and what its files and frames are.

    `first`, `counts`: the number of its first record, and of the frames in each of its records.
    `times`: the rate of its frames varies around `fps`. `stated`: the number of frames by its
    header. Sizes in pixels. `digest` identifies the content of its files, which have `bytes`.
    `damaged`, `repeated`, `dropped`, `assumed`, `people`, `empty`, `joints`, `lost`: as in `Facts`.
    """

    id: str
    state: str
    first: int
    counts: list[int]
    frames: int
    fps: float
    times: bool
    stated: int
    width: int
    height: int
    bytes: int
    digest: str
    damaged: int = 0
    repeated: int = 0
    dropped: int = 0
    assumed: bool = False
    people: int = 0
    empty: int = 0
    joints: int = 0
    lost: int = 0


@dataclass(frozen=True)
class Failed:
    """A video that does not decode; `outside`: the reason may lie outside it."""

    id: str
    state: str
    reason: str
    outside: bool


Entry = Decoded | Failed


@dataclass(frozen=True)
class Note:
    """What is in a shard file, which has `bytes` and `records`."""

    file: str
    bytes: int
    records: int
    clips: list[Decoded]
    failures: list[Failed]


def path_of(shard: Path) -> Path:
    """Returns the path of a shard's note."""
    return shard.with_suffix(".json")


def read(path: Path) -> Note | None:
    """Returns a shard's note, None where the note or the shard is incomplete."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        content["clips"] = [Decoded(**entry) for entry in content["clips"]]
        content["failures"] = [Failed(**entry) for entry in content["failures"]]
        note = Note(**content)
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return note if records.is_whole(path.with_name(note.file), note.bytes) else None


def read_all(folder: Path) -> dict[Key, list[tuple[Note, Entry]]]:
    """Returns the entries of each video in the complete shards of a folder, by the shards' names.

    A video has several where processes worked side by side, or where it was tried again.
    """
    entries: dict[Key, list[tuple[Note, Entry]]] = defaultdict(list)
    for note in filter(None, map(read, sorted(folder.glob("shard-*.json")))):
        listed: list[Entry] = [*note.clips, *note.failures]
        for entry in listed:
            entries[entry.id, entry.state].append((note, entry))
    return dict(entries)
