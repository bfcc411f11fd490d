"""Shards: what one worker process prepares, how it is written, and what is known to be there.

A shard is written under a temporary name and renamed, then its note, a `.json` beside it, says what
it holds: only a shard with both, of the size that was noted, is taken for whole. Its name comes
from what it is to hold, so that any number of processes, on any machines that share the folder, may
write shards there without a word to each other.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import cv2

from jaxvid.data import records
from jaxvid.data.modalities import Modality
from jaxvid.data.video import Facts, VideoError
from jaxvid.runtime import files
from jaxvid.runtime.process_pool import Failure

CLIPS = (4, 64)  # videos of a shard, of a small dataset and of a large one
SHARDS = 64  # of a dataset between the two: more than a machine has cores
BYTES = 2**26  # of a shard's video files, but for a single larger one
ABANDONED = 86_400.0  # seconds after which a half-written shard that no process holds is nobody's
_HALF = ".shard-"  # how the names of half-written shards begin

_NOTED = {"file", "bytes", "records", "clips", "failures"}
_READ = 2**20  # bytes


Key = tuple[str, str]  # a video's id and state


@dataclass(frozen=True)
class Source:
    """A video to prepare. `state` tells versions of its files apart, which have `bytes`."""

    id: str
    path: Path
    state: str
    bytes: int

    @property
    def key(self) -> Key:
        return self.id, self.state


def source(clip_id: str, path: Path, modality: Modality) -> Source:
    """Returns a video as a modality's preparation sees it; one that is not there has no bytes."""
    try:
        states = [_state(file) for file in modality.files(path)]
    except OSError:  # a folder that may not be read
        states = [None]
    return Source(clip_id, path, files.fingerprint(states), sum(s[0] for s in states if s))


def _state(path: Path) -> tuple[int, int] | None:
    try:
        about = path.stat()
    except OSError:
        return None
    return about.st_size, about.st_mtime_ns


@dataclass(frozen=True)
class Shard:
    """What a worker process prepares at a time: the file to be, and what goes into it.

    `refused`: what became of the processes, by id, that were at a video, which is not tried again;
    `suspects`: those whose process was killed once.
    """

    path: Path
    temporary: Path
    modality: Modality
    sources: tuple[Source, ...]
    refused: dict[str, Failure] = field(default_factory=dict)
    suspects: frozenset[str] = frozenset()

    def after(self, failure: Failure) -> "Shard":
        """Returns the shard to try again after its process died, without the video it was at.

        Where the process was killed from outside, the video has a second chance.
        """
        if failure.killed and failure.at not in self.suspects:
            return replace(self, suspects=self.suspects | {failure.at})
        return replace(self, refused={**self.refused, failure.at: failure})


def broken(failure: Failure) -> VideoError:
    """Returns what it means for a video that the process that was at it died or hung."""
    return VideoError(f"its decoder {failure.reason}", failure.killed or failure.hung)


def shard(sources: tuple[Source, ...], folder: Path, modality: Modality, tries: int = 0) -> Shard:
    """Returns the shard that holds some videos, in a folder; `tries`: that failed before."""
    content = [(source.id, source.state) for source in sources] + [tries] * (tries > 0)
    path = folder / f"shard-{files.fingerprint(content)}.arrayrecord"
    return Shard(path, files.temporary_name(path), modality, sources)


def plan(
    sources: Sequence[Source],
    there: set[Key],
    folder: Path,
    modality: Modality,
    clips: int = 0,
    tries: Mapping[Key, int] = MappingProxyType({}),
) -> list[Shard | None]:
    """Divides videos into shards of what is not `there` yet; None for one without anything to do.

    The division itself is a function of the videos alone: processes that plan the same agree on it
    while others of them finish shards. `clips`: videos of a shard at most; 0: as many as suits.
    `tries`: how often a video that is not there was tried.
    """
    clips = clips or min(max(len(sources) // SHARDS, CLIPS[0]), CLIPS[1])
    runs: list[list[Source]] = []
    size = 0
    for each in sources:
        if not runs or len(runs[-1]) == clips or size + each.bytes > BYTES:
            runs.append([])
            size = 0
        runs[-1].append(each)
        size += each.bytes
    planned: list[Shard | None] = []
    for run in runs:
        wanted = tuple(source for source in run if source.key not in there)
        tried = sum(tries.get(source.key, 0) for source in wanted)
        planned.append(shard(wanted, folder, modality, tried) if wanted else None)
    return planned


def write(shard: Shard) -> Iterator[str]:
    """Writes a shard and its note, unless another process has; yields the id of the video it is at.

    What does not decode is noted with its reason. Raises OSError where the disk takes no more.
    """
    if read_note(_note_path(shard.path)):
        return
    clips: list[dict] = []
    failures: list[dict] = []
    with files.writing(shard.path, shard.temporary) as path:
        with records.ShardWriter(path) as writer, files.held(path):
            for source in shard.sources:
                key = {"id": source.id, "state": source.state}
                yield source.id
                try:
                    if source.id in shard.refused:
                        raise broken(shard.refused[source.id])
                    clips.append(key | (yield from _store(source, shard.modality, writer)))
                except VideoError as error:
                    failures.append(key | failed(error))
        # A writer that meets a full disk does not always say so.
        if records.count(path) != writer.count:
            raise OSError(f"{shard.path} could not be written whole: {records.NO_ROOM}")
    note = {
        "file": shard.path.name,
        "bytes": shard.path.stat().st_size,
        "records": writer.count,
        "clips": clips,
        "failures": failures,
    }
    files.write_json(_note_path(shard.path), note)


def look(source: Source, modality: Modality) -> Iterator[str]:
    """Decodes a video whole and stores nothing; yields its id, returns its entry of a note."""
    yield source.id
    facts, frames = Facts(), 0
    key = {"id": source.id, "state": source.state}
    try:
        for _ in decoded(modality.check(source.path, facts)):
            frames += 1
            yield source.id
        digest = yield from _digest(source, modality)
    except VideoError as error:
        return key | failed(error)
    fps, times = facts.clock()
    return key | _entry(source, facts, digest, fps, frames, times is not None)


def failed(error: VideoError) -> dict[str, Any]:
    """Returns what a note says of a video that does not decode, but for its id."""
    return {"reason": str(error), "outside": error.outside}


def decoded(frames: Iterator[Any]) -> Iterator[Any]:
    """Yields what a modality makes of a video. Raises VideoError for all that a video can cause."""
    count = 0
    while True:
        try:
            frame = next(frames)
        except StopIteration:
            break
        except OSError as error:
            raise VideoError(error.strerror or str(error), outside=True) from None
        except MemoryError:
            raise VideoError("decoding it takes more memory than there is", True) from None
        except cv2.error as error:
            raise VideoError(f"OpenCV cannot decode it: {error.err}") from None
        count += 1
        yield frame
    if not count:
        raise VideoError("no frame could be decoded")


def _store(source: Source, modality: Modality, writer: records.ShardWriter) -> Iterator[str]:
    facts, first = Facts(), writer.count
    writer.begin(source.id)
    for frame in decoded(modality.encode(source.path, facts)):
        writer.add(frame)
        yield source.id
    digest = yield from _digest(source, modality)
    fps, times = facts.clock()
    counts = writer.end(times)
    entry = _entry(source, facts, digest, fps, sum(counts), times is not None)
    return {"first": first, "counts": counts, **entry}


def _entry(
    source: Source, facts: Facts, digest: str, fps: float, frames: int, varies: bool
) -> dict[str, Any]:
    return {
        "frames": frames,
        "fps": fps,
        "times": varies,
        "stated": facts.stated,
        "width": facts.width,
        "height": facts.height,
        "bytes": source.bytes,
        "digest": digest,
    }


def _digest(source: Source, modality: Modality) -> Iterator[str]:
    """Returns what tells the content of a video's files; yields its id while it reads them."""
    digest = hashlib.blake2b(digest_size=16)
    try:
        for path in modality.files(source.path):
            with path.open("rb") as file:
                while block := file.read(_READ):
                    digest.update(block)
                    yield source.id
    except OSError as error:
        raise VideoError(error.strerror or str(error), outside=True) from None
    return digest.hexdigest()


def notes(folder: Path) -> list[dict]:
    """Returns the notes of the whole shards in a folder, by name."""
    found = (read_note(path) for path in sorted(folder.glob("shard-*.json")))
    return [note for note in found if note is not None]


def read_note(path: Path) -> dict | None:
    """Returns a shard's note, None where the shard is not whole."""
    try:
        note = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(note, dict) or not note.keys() >= _NOTED:
        return None
    return note if records.is_whole(path.with_name(note["file"]), note["bytes"]) else None


def _note_path(shard: Path) -> Path:
    return shard.with_suffix(".json")


def sweep(folder: Path) -> None:
    """Removes what processes that were killed have left half-written in a folder."""
    halves = list(folder.glob(f"{_HALF}*"))
    if not halves:
        return
    with suppress(OSError):  # a folder that takes no files keeps them
        # No machine's own clock: those that share a disk differ, and clocks are set.
        now = files.clock(folder, prefix=f"{_HALF}clock-")
        for path in halves:
            with suppress(OSError):  # another process sweeps, too
                if now - path.stat().st_mtime > ABANDONED and not files.is_held(path):
                    path.unlink()
