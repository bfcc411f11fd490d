"""From video files to records: decode every video once, and store a stream of it.

The folder of a preparation is named by a fingerprint of what determines its content. A shard is
written under a temporary name and renamed, then its `.json` beside it says what it holds: only a
shard with both, of the size that was noted, is taken for whole. `manifest.json` comes last.
"""

import json
import logging
from dataclasses import dataclass
from pathlib import Path

from jaxvid import files, parallel, progress
from jaxvid.data import records, video
from jaxvid.data.datasets import Dataset
from jaxvid.data.streams import Stream, settings
from jaxvid.errors import UserError

CLIPS_PER_SHARD = 64

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Shard:
    path: Path
    videos: Path
    ids: tuple[str, ...]
    stream: Stream


def prepare(
    dataset: Dataset,
    stream: Stream,
    cache: Path,
    workers: int = 0,
    clips_per_shard: int = CLIPS_PER_SHARD,
) -> Path:
    """Writes a stream of a dataset's clips as records, unless they are there; returns their folder.

    Videos that do not decode are skipped, warned of, and listed with their reason in the manifest.
    Shards that an earlier, interrupted call completed are kept. `workers`: processes; 0: one per
    core. Raises UserError where no video decodes, or a worker process dies.
    """
    ids = sorted({clip.id for clip in dataset.clips})
    content = {
        "format": [records.FORMAT, clips_per_shard],
        "settings": settings(stream),
        "videos": [(i, [_state(f) for f in stream.files(dataset.folder / i)]) for i in ids],
    }
    folder = cache / f"{dataset.name}-{stream.name}-{files.fingerprint(content)}"
    starts = range(0, len(ids), clips_per_shard)
    shards = [
        _Shard(
            folder / f"shard-{number:05d}.arrayrecord",
            dataset.folder,
            tuple(ids[start : start + clips_per_shard]),
            stream,
        )
        for number, start in enumerate(starts)
    ]
    if not (folder / records.MANIFEST).is_file():
        with files.locked(folder, waits=True):
            _prepare(dataset, shards, folder, workers)
    failures = files.read_json(folder / records.MANIFEST)["failures"]
    for failure in failures[:10]:
        logger.warning("skipped %s: %s", failure["id"], failure["reason"])
    if failures:
        logger.warning(
            "%d of %d videos do not decode; all are named in %s",
            len(failures),
            len(ids),
            folder / records.MANIFEST,
        )
    return folder


def _state(path: Path) -> list[int] | None:
    if not path.exists():
        return None
    about = path.stat()
    return [about.st_size, about.st_mtime_ns]


def _prepare(dataset: Dataset, shards: list[_Shard], folder: Path, workers: int) -> None:
    notes = _run(shards, workers)
    failures = [failure for note in notes for failure in note.pop("failures")]
    if all(not note["clips"] for note in notes):
        raise UserError(
            f"none of the {len(failures)} videos in {dataset.folder} decodes; "
            f"{failures[0]['id']}: {failures[0]['reason']}"
        )
    about = {
        "format": records.FORMAT,
        "dataset": dataset.name,
        "settings": settings(shards[0].stream),
        "shards": notes,
        "failures": failures,
    }
    files.write_json(folder / records.MANIFEST, about)


def _run(shards: list[_Shard], workers: int) -> list[dict]:
    notes = {shard: note for shard in shards if (note := _finished(shard)) is not None}
    todo = [shard for shard in shards if shard not in notes]
    done = sum(len(shard.ids) for shard in notes)
    total = done + sum(len(shard.ids) for shard in todo)
    with progress.Bar(f"preparing {shards[0].stream.name}", total, done) as bar:
        for shard, note in parallel.run(_write_shard, todo, workers, name=_range):
            notes[shard] = note
            bar.advance(len(shard.ids))
    return [notes[shard] for shard in shards]


def _range(shard: _Shard) -> str:
    return f"{shard.ids[0]} to {shard.ids[-1]}"


def _note_path(shard: _Shard) -> Path:
    return shard.path.with_suffix(".json")


def _finished(shard: _Shard) -> dict | None:
    try:
        note = json.loads(_note_path(shard).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    known = isinstance(note, dict) and {"file", "bytes", "clips", "failures"} <= note.keys()
    if not known or not shard.path.is_file() or shard.path.stat().st_size != note["bytes"]:
        return None
    return note


def _write_shard(shard: _Shard) -> dict:
    clips: list[dict] = []
    failures: list[dict] = []

    def save(path: Path) -> None:
        with records.ShardWriter(path) as writer:
            for i in shard.ids:
                try:
                    record = encode(i, shard.videos / i, shard.stream)
                except (video.VideoError, FileNotFoundError, PermissionError) as error:
                    failures.append({"id": i, "reason": str(error)})
                    continue
                writer.write(record)
                clips.append({"id": i, "frames": len(record.frames), "fps": record.fps})
        # A writer that meets a full disk does not always say so.
        if records.count(path) != len(clips):
            raise OSError(f"{shard.path} could not be written whole: is the disk full?")

    files.write(shard.path, save)
    note = {
        "file": shard.path.name,
        "bytes": shard.path.stat().st_size,
        "clips": clips,
        "failures": failures,
    }
    files.write_json(_note_path(shard), note)
    return note


def encode(clip_id: str, path: Path, stream: Stream) -> records.Record:
    """Decodes a video and returns the record of a stream of it. Raises VideoError."""
    return records.Record(clip_id, stream.frames_per_second(path), list(stream.encode(path)))
