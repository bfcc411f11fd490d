"""From video files to records: decode every video once, and store a modality of it.

    CACHE/NAME-MODALITY-SETTINGS/shard-*.arrayrecord, .json    the shards, each with its note
    CACHE/NAME-MODALITY-SETTINGS/DATASET/manifest.json         where the videos of a dataset are
    CACHE/NAME-MODALITY-SETTINGS/DATASET/report.json, .txt     their properties and failures

The first folder is named by the modality's settings, and for a user's own videos by their location:
all splits and choices of classes of a dataset share its shards. The second one is named by the
dataset as it was asked for.

A preparation plans the shards of the videos that no shard has yet, worker processes write them, and
once each video is in a shard, or failed, this process writes the manifest and the report.
"""

import logging
import random
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from jaxvid.config.names import OWN
from jaxvid.data import records
from jaxvid.data.datasets import Dataset
from jaxvid.data.modalities import Modality, settings
from jaxvid.data.prepare import notes, report, shards
from jaxvid.data.prepare.notes import Decoded, Entry, Failed, Note
from jaxvid.data.prepare.shards import Shard, Source
from jaxvid.errors import UserError
from jaxvid.runtime import files, process_pool, progress

# Seconds that a worker process may take for one frame. Long: a slow disk is no damaged video.
PATIENCE = 300.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Job:
    """The preparation of a modality of a dataset's videos, in a folder; `prepare` says how."""

    dataset: Dataset
    modality: Modality
    cache: Path
    workers: int = 0
    retry: bool = False

    @cached_property
    def folder(self) -> Path:
        """The folder of the shards."""
        about: list = [records.FORMAT, settings(self.modality)]
        if self.dataset.name in OWN:  # two may have videos of the same names, sizes and times
            about.append(files.utf8(str(self.dataset.folder.resolve())))
        content = files.fingerprint(about)
        return self.cache / f"{self.dataset.name}-{self.modality.name}-{content}"

    @cached_property
    def sources(self) -> list[Source]:
        videos = {video.id: video for video in self.dataset.videos}
        return [
            shards.source(i, self.dataset.folder / video.path, self.modality, video.span)
            for i, video in sorted(videos.items())
        ]

    @cached_property
    def view(self) -> Path:
        """The folder of the manifest and the report."""
        videos = [(v.id, v.label, v.split, v.group) for v in self.dataset.videos]
        about = [self.dataset.class_names, self.dataset.missing, videos]
        return self.folder / files.fingerprint([*about, [source.key for source in self.sources]])

    def is_done(self) -> bool:
        """Returns whether the manifest is there, and the shards that it names are."""
        path = self.view / records.MANIFEST
        if not path.is_file():
            return False
        manifest = files.read_json(path)
        if self.retry and any(failure["outside"] for failure in manifest["failures"]):
            return False
        listed = manifest["shards"]
        return all(records.is_whole(self.folder / s["file"], s["bytes"]) for s in listed)

    def run(self, part: int = 1, parts: int = 1) -> int:
        """Writes the missing shards of a part, and the manifest and report if all are there then.

        Returns how many videos are in no shard yet.
        """
        shards.sweep(self.folder)
        there = notes.read_all(self.folder)
        tries = {}
        if self.retry:
            for key, found in there.items():
                if all(isinstance(entry, Failed) and entry.outside for _, entry in found):
                    tries[key] = len(found)
        todo = []
        for sources in shards.divide(self.sources)[part - 1 :: parts]:
            left = tuple(s for s in sources if s.key in tries or s.key not in there)
            if left:
                tried = sum(tries.get(source.key, 0) for source in left)
                todo.append(shards.shard(left, self.folder, self.modality, tried))
        # Machines that prepare the same at the same time meet as late as possible.
        first = random.randrange(len(todo)) if todo else 0
        self._write(todo[first:] + todo[:first])
        there = notes.read_all(self.folder)
        waiting = sum(source.key not in there for source in self.sources)
        if not waiting:
            self._finish([_chosen(there[source.key]) for source in self.sources])
        return waiting

    def _write(self, todo: list[Shard]) -> None:
        total = sum(len(shard.sources) for shard in todo)
        with progress.Bar(f"preparing {self.modality.name}", total) as bar:

            def show(video_id: str) -> None:
                bar.advance(0, shown=video_id)

            while todo:
                again = []
                written = process_pool.each(shards.write, todo, self.workers, PATIENCE, show)
                try:
                    with closing(written):
                        for shard, outcome in written:
                            if isinstance(outcome, process_pool.Failure):
                                again.append(shard.after(outcome))
                            else:
                                bar.advance(len(shard.sources))
                except BaseException:
                    for shard in todo:
                        shard.temporary.unlink(missing_ok=True)
                    raise
                todo = again

    def _finish(self, found: list[tuple[Note, Entry]]) -> None:
        failures = _failures([entry for _, entry in found], self.dataset)
        listed: dict[str, dict] = {}
        for note, entry in found:
            if isinstance(entry, Decoded):
                shard = {"file": note.file, "bytes": note.bytes, "records": note.records}
                video = {k: getattr(entry, k) for k in ("id", "first", "counts", "fps", "times")}
                listed.setdefault(note.file, {**shard, "clips": []})["clips"].append(video)
        manifest = {
            "format": records.FORMAT,
            "dataset": self.dataset.name,
            "settings": settings(self.modality),
            "shards": [listed[name] for name in sorted(listed)],
            "failures": [{"id": f.id, "reason": f.reason, "outside": f.outside} for f in failures],
        }
        summary = self.report([entry for _, entry in found])
        files.write_json(self.view / report.JSON, summary)
        files.write_text(self.view / report.TEXT, report.text(summary))
        files.write_json(self.view / records.MANIFEST, manifest)

    def report(self, entries: Sequence[Entry]) -> dict[str, Any]:
        """Returns the report of the dataset's videos."""
        beside = [s.id for s in self.sources if self.modality.leaves_flow(s.path)]
        return report.summarise(self.dataset, self.modality.name, entries, beside)

    def warn(self) -> None:
        """Warns of the videos that failed."""
        manifest = self.view / records.MANIFEST
        failures = files.read_json(manifest)["failures"]
        for failure in failures[:10]:
            logger.warning("skipped %s: %s", failure["id"], failure["reason"])
        if failures:
            counts = len(failures), len(self.sources)
            logger.warning("%d of %d videos do not decode; see %s", *counts, manifest)


def prepare(
    dataset: Dataset,
    modality: Modality,
    cache: Path,
    workers: int = 0,
    retry: bool = False,
) -> Path:
    """Writes a modality of a dataset's videos as records unless they are there; returns the folder.

    Videos that do not decode, and those whose decoder crashes or gives no frame for `PATIENCE`
    seconds, are skipped, warned of, and listed with their reason in the manifest. Shards that
    earlier, interrupted or other preparations completed are kept and used. `workers`: processes; 0:
    one per core. `retry`: tries videos again that failed for a reason that may lie outside them: a
    disk that was gone, too little memory. Raises UserError where no video decodes.
    """
    job = _Job(dataset, modality, cache, workers, retry)
    if not job.is_done():
        # So that two commands on one machine do not do the same work. Without this lock they would
        # not harm each other: files appear complete.
        root = files.fingerprint(str(dataset.folder.resolve()))
        with files.locked(job.folder.with_name(f"{job.folder.name}-{root}"), waits=True):
            if not job.is_done():
                job.run()
    job.warn()
    return job.view


def prepare_part(
    dataset: Dataset,
    modality: Modality,
    cache: Path,
    part: tuple[int, int],
    workers: int = 0,
    retry: bool = False,
) -> tuple[Path, int]:
    """Does the i-th of n parts of what `prepare` does, `part` being (i, n), i from 1.

    Any number of processes can do so at a time, on machines that share the folder. Returns the
    folder, and how many videos wait for other parts: with none, everything is there.
    """
    job = _Job(dataset, modality, cache, workers, retry)
    waiting = 0 if job.is_done() else job.run(*part)
    if not waiting:
        job.warn()
    return job.view, waiting


def check(dataset: Dataset, modality: Modality, workers: int = 0) -> dict[str, Any]:
    """Decodes every video whole and writes nothing; returns the report.

    Frames are decoded, and no flow is estimated from them. Raises UserError where none decodes.
    """
    job = _Job(dataset, modality, Path())
    sources = job.sources
    entries: list[Entry] = []
    looked = process_pool.each(_look, [(s, modality) for s in sources], workers, PATIENCE)
    with progress.Bar("checking", len(sources)) as bar, closing(looked):
        for (source, _), entry in looked:
            is_failure = isinstance(entry, process_pool.Failure)
            entries.append(source.died(entry) if is_failure else entry)
            bar.advance(shown=source.id)
    entries.sort(key=lambda entry: entry.id)
    _failures(entries, dataset)
    return job.report(entries)


def _look(task: tuple[Source, Modality]) -> Generator[str, None, Entry]:
    return shards.look(*task)


def _chosen(found: Sequence[tuple[Note, Entry]]) -> tuple[Note, Entry]:
    """Returns the first entry of a video that decoded, or the last failure."""
    return next((each for each in found if isinstance(each[1], Decoded)), found[-1])


def _failures(entries: Sequence[Entry], dataset: Dataset) -> list[Failed]:
    """Returns the entries that failed. Raises UserError if all did."""
    failures = [entry for entry in entries if isinstance(entry, Failed)]
    if failures and len(failures) == len(entries):
        raise UserError(
            f"none of the {len(entries)} videos in {dataset.folder} decodes; "
            f"{failures[0].id}: {failures[0].reason}"
        )
    return failures
