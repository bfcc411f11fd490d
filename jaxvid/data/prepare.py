"""From video files to records: decode every video once, resize, store JPEG frames.

The folder of a preparation is named by a fingerprint of what determines its content. A shard is
written under a temporary name and renamed, then its `.json` beside it says what it holds: only a
shard with both, of the size that was noted, is taken for whole. `manifest.json` comes last.
"""

import json
import logging
import zlib
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

import cv2

from jaxvid import files, parallel, progress
from jaxvid.data import records, video
from jaxvid.data.datasets import Dataset
from jaxvid.errors import UserError

CLIPS_PER_SHARD = 64

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Settings:
    """What determines the content of records, besides the videos: pixels, and JPEG's quality."""

    short_side: int
    jpeg_quality: int


@dataclass(frozen=True)
class _Shard:
    path: Path
    videos: Path
    ids: tuple[str, ...]
    settings: Settings


def prepare(
    dataset: Dataset,
    settings: Settings,
    cache: Path,
    workers: int = 0,
    clips_per_shard: int = CLIPS_PER_SHARD,
) -> Path:
    """Writes the records of a dataset's clips, unless they are there; returns their folder.

    Videos that do not decode are skipped, warned of, and listed with their reason in the manifest.
    Shards that an earlier, interrupted call completed are kept. `workers`: processes; 0: one per
    core. Raises UserError where no video decodes, or a worker process dies.
    """
    ids = sorted({clip.id for clip in dataset.clips})
    content = {
        "format": [records.FORMAT, clips_per_shard],
        "settings": vars(settings),
        "videos": [(i, (s := (dataset.folder / i).stat()).st_size, s.st_mtime_ns) for i in ids],
    }
    folder = cache / f"{dataset.name}-{files.fingerprint(content)}"
    manifest = folder / records.MANIFEST
    if not manifest.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        shards = [
            _Shard(
                folder / f"shard-{n:05d}.arrayrecord",
                dataset.folder,
                tuple(ids[start : start + clips_per_shard]),
                settings,
            )
            for n, start in enumerate(range(0, len(ids), clips_per_shard))
        ]
        notes = _run(shards, workers)
        failures = [failure for note in notes for failure in note.pop("failures")]
        if len(failures) == len(ids):
            raise UserError(
                f"none of the {len(ids)} videos in {dataset.folder} decodes; "
                f"{failures[0]['id']}: {failures[0]['reason']}"
            )
        about = {
            "format": records.FORMAT,
            "dataset": dataset.name,
            "settings": vars(settings),
            "shards": notes,
            "failures": failures,
        }
        files.write_json(manifest, about)
    failures = json.loads(manifest.read_text(encoding="utf-8"))["failures"]
    for failure in failures[:10]:
        logger.warning("skipped %s: %s", failure["id"], failure["reason"])
    if failures:
        logger.warning(
            "%d of %d videos do not decode; all are named in %s", len(failures), len(ids), manifest
        )
    return folder


def _run(shards: list[_Shard], workers: int) -> list[dict]:
    notes = {shard: note for shard in shards if (note := _finished(shard)) is not None}
    todo = [shard for shard in shards if shard not in notes]
    total = sum(len(shard.ids) for shard in shards)
    with progress.bar() as bar:
        done = total - sum(len(shard.ids) for shard in todo)
        task = bar.add_task("preparing videos", total=total, completed=done)
        try:
            for shard, note in parallel.run(_write_shard, todo, workers):
                notes[shard] = note
                bar.advance(task, len(shard.ids))
        except BrokenProcessPool:
            missing = ", ".join(shard.path.name for shard in todo if shard not in notes)
            raise UserError(
                "a process that decodes videos died (out of memory, or a video that crashes the "
                f"decoder); these shards are missing: {missing}; run again to continue with them"
            ) from None
    return [notes[shard] for shard in shards]


def _note_path(shard: _Shard) -> Path:
    return shard.path.with_suffix(".json")


def _finished(shard: _Shard) -> dict | None:
    try:
        note = json.loads(_note_path(shard).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    whole = shard.path.is_file() and shard.path.stat().st_size == note["bytes"]
    return note if whole else None


def _write_shard(shard: _Shard) -> dict:
    clips: list[dict] = []
    failures: list[dict] = []

    def save(path: Path) -> None:
        with records.ShardWriter(path) as writer:
            for i in shard.ids:
                try:
                    record, size = encode(i, shard.videos / i, shard.settings)
                except video.VideoError as error:
                    failures.append({"id": i, "reason": str(error)})
                    continue
                writer.write(record)
                clips.append({"id": i, "frames": len(record.frames), "fps": record.fps, **size})
        # A writer that meets a full disk does not always say so.
        if records.count(path) != len(clips):
            raise OSError(f"{shard.path} could not be written whole: is the disk full?")

    files.write(shard.path, save)
    note = {
        "file": shard.path.name,
        "bytes": shard.path.stat().st_size,
        "crc32": zlib.crc32(shard.path.read_bytes()),
        "clips": clips,
        "failures": failures,
    }
    files.write_json(_note_path(shard), note)
    return note


def encode(clip_id: str, path: Path, settings: Settings) -> tuple[records.Record, dict[str, int]]:
    """Decodes a video and returns its record, and the height and width of its frames in pixels.

    Raises VideoError.
    """
    frames: list[bytes] = []
    quality = [cv2.IMWRITE_JPEG_QUALITY, settings.jpeg_quality]
    for frame in video.decode(path):
        frame = video.resize_short_side(frame, settings.short_side)
        encoded, data = cv2.imencode(".jpg", frame, quality)
        if not encoded:
            raise video.VideoError(f"frame {len(frames)} could not be stored as JPEG")
        frames.append(data.tobytes())
    size = {"height": frame.shape[0], "width": frame.shape[1]}
    return records.Record(clip_id, video.frames_per_second(path), frames), size
