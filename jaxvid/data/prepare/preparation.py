"""From video files to records: decode every video once, and store a modality of it.

    CACHE/NAME-STREAM-SETTINGS/shard-*.arrayrecord, .json    the shards, each with its note
    CACHE/NAME-STREAM-SETTINGS/DATASET/manifest.json         where the videos of a dataset are
    CACHE/NAME-STREAM-SETTINGS/DATASET/report.json, .txt     what is in them, and what is wrong

The first folder is named by the modality's settings, and for a user's own videos by where they are:
all splits and choices of classes of a dataset share its shards. The second one is named by the
dataset as it was asked for.
"""

import logging
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from jaxvid.data import records
from jaxvid.data.datasets import Dataset
from jaxvid.data.modalities import Modality, settings
from jaxvid.data.prepare import report, shards
from jaxvid.data.prepare.shards import Shard, Source
from jaxvid.data.video import Facts
from jaxvid.errors import UserError
from jaxvid.runtime import files, process_pool, progress

# Datasets whose name says nothing of their content: two of them may have videos of the same names,
# sizes and times, so that where they are tells them apart.
OWN = ("folder", "csv")
# Seconds that a worker process may take for one frame. Long: a slow disk is no damaged video.
PATIENCE = 300.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Job:
    """A modality of a dataset's videos, and where it is prepared."""

    dataset: Dataset
    modality: Modality
    cache: Path
    retry: bool = False  # videos that failed for a reason that may lie outside them

    @cached_property
    def folder(self) -> Path:
        """The folder of the shards."""
        about: list = [records.FORMAT, settings(self.modality)]
        if self.dataset.name in OWN:
            about.append(files.utf8(str(self.dataset.folder.resolve())))
        content = files.fingerprint(about)
        return self.cache / f"{self.dataset.name}-{self.modality.name}-{content}"

    @cached_property
    def sources(self) -> list[Source]:
        ids = sorted({clip.id for clip in self.dataset.clips})
        return [shards.source(i, self.dataset.folder / i, self.modality) for i in ids]

    @cached_property
    def view(self) -> Path:
        """The folder of the manifest and the report."""
        clips = [(c.id, c.label, c.split, c.group) for c in self.dataset.clips]
        states = [(source.id, source.state) for source in self.sources]
        about = [self.dataset.class_names, self.dataset.missing, clips, states]
        return self.folder / files.fingerprint(about)

    def is_done(self) -> bool:
        """Says whether the manifest is there, and the shards that it names are."""
        path = self.view / records.MANIFEST
        if not path.is_file():
            return False
        noted = files.read_json(path)
        if self.retry and any(failure["outside"] for failure in noted["failures"]):
            return False
        shards_of = noted["shards"]
        return all(records.is_whole(self.folder / s["file"], s["bytes"]) for s in shards_of)


def prepare(
    dataset: Dataset,
    modality: Modality,
    cache: Path,
    workers: int = 0,
    clips_per_shard: int = 0,
    patience: float = PATIENCE,
    retry: bool = False,
) -> Path:
    """Writes a modality of a dataset's clips as records if they are not there; returns the folder.

    Videos that do not decode, and those whose decoder crashes or gives no frame for `patience`
    seconds, are skipped, warned of, and listed with their reason in the manifest. Shards that
    earlier, interrupted or other preparations completed are kept and used. `workers`: processes; 0:
    one per core. `retry`: tries videos again that failed for a reason that may lie outside them: a
    disk that was gone, too little memory. Raises UserError where no video decodes.
    """
    job = _Job(dataset, modality, cache, retry)
    if not job.is_done():
        # So that two commands on one machine do not do the same work; what keeps them from harming
        # each other is that files appear whole.
        root = files.fingerprint(str(dataset.folder.resolve()))
        with files.locked(job.folder.with_name(f"{job.folder.name}-{root}"), waits=True):
            if not job.is_done():
                _prepare(job, (1, 1), workers, clips_per_shard, patience)
    _warn(job)
    return job.view


def prepare_part(
    dataset: Dataset,
    modality: Modality,
    cache: Path,
    part: tuple[int, int],
    workers: int = 0,
    clips_per_shard: int = 0,
    patience: float = PATIENCE,
    retry: bool = False,
) -> tuple[Path, int]:
    """Does the i-th of n parts of what `prepare` does, `part` being (i, n), i from 1.

    Any number of processes may do so at a time, on machines that share the folder. Returns the
    folder, and how many videos wait for other parts: with none, everything is there.
    """
    job = _Job(dataset, modality, cache, retry)
    waiting = 0 if job.is_done() else _prepare(job, part, workers, clips_per_shard, patience)
    if not waiting:
        _warn(job)
    return job.view, waiting


def check(
    dataset: Dataset, modality: Modality, workers: int = 0, patience: float = PATIENCE
) -> dict[str, dict]:
    """Decodes every video whole and writes nothing; returns the report.

    Frames are decoded, and no flow is estimated from them. Raises UserError where none decodes.
    """
    sources = _Job(dataset, modality, Path()).sources
    entries = []
    with progress.Bar("checking", len(sources)) as bar:
        tasks = [(source, modality) for source in sources]
        with closing(process_pool.each(_look, tasks, workers, patience)) as looked:
            for (source, _), entry in looked:
                if isinstance(entry, process_pool.Failure):
                    entry = {"id": source.id, **shards.failed(shards.broken(entry))}
                entries.append(entry)
                bar.advance(shown=source.id)
    entries.sort(key=lambda entry: entry["id"])
    _check_some([entry for entry in entries if "reason" in entry], len(sources), dataset)
    return report.summarise(dataset, modality.name, entries)


def _look(task: tuple[Source, Modality]) -> Iterator[str]:
    return shards.look(*task)


def encode(clip_id: str, path: Path, modality: Modality) -> records.Record:
    """Decodes a video and returns the record of a modality of it, in memory. Raises VideoError."""
    facts = Facts()
    frames = list(shards.decoded(modality.encode(path, facts)))
    fps, times = facts.clock()
    return records.Record(clip_id, fps, frames, times)


def _prepare(
    job: _Job, part: tuple[int, int], workers: int, clips_per_shard: int, patience: float
) -> int:
    """Writes the shards of a part that are not there, and the manifest where all are.

    Returns how many videos are not in shards yet.
    """
    shards.sweep(job.folder)
    there: set[shards.Key] = set()
    tries: Counter[shards.Key] = Counter()
    for entry in (entry for note in shards.notes(job.folder) for entry in _entries(note)):
        key = entry["id"], entry["state"]
        if job.retry and entry.get("outside"):
            tries[key] += 1
        else:
            there.add(key)
    planned = shards.plan(job.sources, there, job.folder, job.modality, clips_per_shard, tries)
    number, parts = part
    todo = [shard for shard in planned[number - 1 :: parts] if shard is not None]
    # Machines that prepare the same at the same time meet as late as may be.
    first = random.randrange(len(todo)) if todo else 0
    todo = todo[first:] + todo[:first]
    _write(todo, job, workers, patience)
    entries: dict[shards.Key, tuple[dict, dict]] = {}
    for note in shards.notes(job.folder):
        for entry in _entries(note):
            key = entry["id"], entry["state"]
            if key not in entries or "reason" in entries[key][1]:
                entries[key] = note, entry
    found = [entries.get(source.key) for source in job.sources]
    if None in found:
        return found.count(None)
    _finish(job, found)
    return 0


def _entries(note: dict) -> list[dict]:
    return note["clips"] + note["failures"]


def _write(todo: list[Shard], job: _Job, workers: int, patience: float) -> None:
    total = sum(len(shard.sources) for shard in todo)
    with progress.Bar(f"preparing {job.modality.name}", total) as bar:

        def tell(at: str) -> None:
            bar.advance(0, shown=at)

        while todo:
            again = []
            try:
                with closing(
                    process_pool.each(shards.write, todo, workers, patience, tell)
                ) as written:
                    for shard, outcome in written:
                        if isinstance(outcome, process_pool.Failure):
                            again.append(_after(shard, outcome))
                        else:
                            bar.advance(len(shard.sources))
            except BaseException:
                for shard in todo:
                    shard.temporary.unlink(missing_ok=True)
                raise
            todo = again


def _after(shard: Shard, failure: process_pool.Failure) -> Shard:
    shard.temporary.unlink(missing_ok=True)
    if failure.at is None:
        raise UserError(f"a worker process {failure.reason} before it began with a video")
    return shard.after(failure)


def _finish(job: _Job, found: list[tuple[dict, dict]]) -> None:
    entries = [entry for _, entry in found]
    failures = [entry for entry in entries if "reason" in entry]
    _check_some(failures, len(entries), job.dataset)
    listed = {}
    for note, entry in found:
        if "reason" not in entry:
            shard = {name: note[name] for name in ("file", "bytes", "records")}
            clip = {name: entry[name] for name in ("id", "first", "counts", "fps", "times")}
            listed.setdefault(note["file"], {**shard, "clips": []})["clips"].append(clip)
    about = {
        "format": records.FORMAT,
        "dataset": job.dataset.name,
        "settings": settings(job.modality),
        "shards": [listed[name] for name in sorted(listed)],
        "failures": [{name: f[name] for name in ("id", "reason", "outside")} for f in failures],
    }
    summary = report.summarise(job.dataset, job.modality.name, entries)
    files.write_json(job.view / report.JSON, summary)
    files.write_text(job.view / report.TEXT, report.text(summary))
    files.write_json(job.view / records.MANIFEST, about)


def _check_some(failures: list[dict], count: int, dataset: Dataset) -> None:
    if count and len(failures) == count:
        first = failures[0]
        raise UserError(
            f"none of the {count} videos in {dataset.folder} decodes; "
            f"{first['id']}: {first['reason']}"
        )


def _warn(job: _Job) -> None:
    manifest = job.view / records.MANIFEST
    failures = files.read_json(manifest)["failures"]
    for failure in failures[:10]:
        logger.warning("skipped %s: %s", failure["id"], failure["reason"])
    if failures:
        total = len(job.sources)
        logger.warning(
            "%d of %d videos do not decode; all are named in %s", len(failures), total, manifest
        )
