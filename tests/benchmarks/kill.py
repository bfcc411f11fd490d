"""Kills runs at random moments and continues them: is anything lost, or taken for what it is not?

    python tests/benchmarks/kill.py --moments=24 [--seed=0] [--folder=DIR] [--processes 1 2]

A quarter of the moments each falls into preparing, training, saving and evaluating, half of them
in one process and half in two. SIGKILL strikes one process or all, SIGTERM one or all. After each,
what has its final name is looked at: it has to be whole. Then the same command goes on. What comes
out in the end is compared with the work of one that was left alone: prepared records
byte for byte, parameters and predictions bit for bit. Prints a row for each moment and a verdict;
exits with 1 where something differs. Takes about 20 s a moment on two CPU cores.
"""

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jax
import jobs
import numpy as np
from jobs import Job, Moment, later, pick, statuses_are_right

from jaxvid.data import records
from jaxvid.data.prepare import notes
from jaxvid.errors import AGAIN
from jaxvid.workdir import checkpoints

PHASES = ("preparing", "training", "saving", "evaluating")
SMALL = (
    "--config=configs/li3d_bilstm.py",
    "--config.model.backbone=c3d",  # starts sooner than the others, and has dropout
    "--config.model.encoder=none",
    "--config.model.width=0.03125",
    "--config.model.backbone_dropout=0.5",
    "--config.data.num_frames=8",
    "--config.data.image_size=32",
    "--config.data.short_side=40",
    "--config.data.classes=SitDown,StandUp,PickUp",
    "--config.data.embedded.groups=8",
    "--config.data.embedded.clips_per_group=4",
    "--config.data.workers=2",
    "--config.train.batch_size=4",
    "--config.train.log_every=1",
    "--config.train.eval_every=0.7",
    "--config.checkpoint.every=0.2",
    "--config.eval.batch_size=2",
)


@dataclass(frozen=True)
class Place:
    """Where the commands work, on which videos, in how many processes, and on what.

    `epochs`: of a training. `settings`: the config. `compiled`: the folder for compiled programs.
    `starts`: starts a process, as `jobs.start`.
    """

    videos: Path
    cache: Path
    workdir: Path
    count: int
    compiled: Path
    epochs: float = 3.0
    settings: Sequence[str] = SMALL
    starts: Callable[..., Any] = jobs.start

    def _job(self, *arguments: str) -> Job:
        self.workdir.parent.mkdir(parents=True, exist_ok=True)
        environment = {"COMPILED": str(self.compiled)}
        return Job(arguments, self.workdir, self.count, environment=environment, starts=self.starts)

    @property
    def _data(self) -> tuple[str, str]:
        return f"--config.data.root={self.videos}", f"--config.data.cache={self.cache}"

    @property
    def prepare(self) -> Job:
        return self._job("--mode=prepare", *self.settings, *self._data)

    @property
    def train(self) -> Job:
        epochs = f"--config.train.epochs={self.epochs}"
        return self._job(*self.settings, *self._data, epochs, f"--workdir={self.workdir}")

    @property
    def evaluate(self) -> Job:
        return self._job("--mode=eval", f"--workdir={self.workdir}")


@dataclass(frozen=True)
class Reference:
    """What commands that were left alone made, and how long preparing and evaluating took them."""

    place: Place
    seconds: dict[str, float]

    @classmethod
    def of(cls, folder: Path, count: int) -> "Reference":
        cache, workdir = folder / f"cache{count}", folder / f"whole{count}"
        place = Place(folder / "videos", cache, workdir, count, folder / "compiled")
        seconds = {}
        for phase, job in (("preparing", place.prepare), ("training", place.train)):
            start = time.monotonic()
            job.finish()
            seconds[phase] = time.monotonic() - start
        start = time.monotonic()
        place.evaluate.finish()
        seconds["evaluating"] = time.monotonic() - start
        return cls(place, seconds)


def partial(place: Place) -> list[str]:
    """Returns what has its final name and is not whole."""
    found = []
    folder = place.workdir / "checkpoints"
    for step in checkpoints.steps(folder):
        wrong = checkpoints.damage(folder / str(step))
        found += [f"checkpoint {step}: {wrong}"] if wrong else []
    for path in place.workdir.glob("*.json"):
        try:
            json.loads(path.read_text())
        except ValueError:
            found.append(str(path))
    results, table = place.workdir / "results.json", place.workdir / "predictions.csv"
    if results.is_file():
        rows = len(table.read_text().splitlines()) - 1
        if rows != json.loads(results.read_text())["num_clips"]:
            found.append(f"{table} has {rows} rows")
    for path in place.cache.glob("records/*/shard-*.json"):
        note = notes.read(path)
        if note is None or records.count(path.with_name(note.file)) != note.records:
            found.append(str(path))
    for path in place.cache.glob("records/*/*/manifest.json"):
        listed = json.loads(path.read_text())["shards"]
        found += [s["file"] for s in listed if not (path.parent.parent / s["file"]).is_file()]
    return found


def files_of(cache: Path) -> dict[str, bytes]:
    """Returns the prepared records with all that says what is in them, by their names."""
    return {
        str(path.relative_to(cache)): path.read_bytes()
        for path in cache.glob("records/**/*")
        if path.is_file() and not path.name.startswith(".")
    }


def differences(one: Path, other: Path) -> list[str]:
    """Returns in what two workdirs' last parameters, losses and predictions differ."""
    found = []
    trees = [checkpoints.restore_any(path / "checkpoints", "variables") for path in (one, other)]
    (step, a), (other_step, b) = trees
    if step != other_step:
        return [f"steps {step} and {other_step}"]
    equal = jax.tree.map(np.array_equal, a, b)
    if not all(jax.tree.leaves(equal)):
        apart = max(jax.tree.leaves(jax.tree.map(lambda x, y: np.abs(x - y).max(), a, b)))
        found.append(f"parameters, by up to {apart:.1e}")
    if Job((), one).losses() != Job((), other).losses():
        found.append("losses")
    if (one / "predictions.csv").read_bytes() != (other / "predictions.csv").read_bytes():
        found.append("predictions")
    return found


def strike(place: Place, job: Job, moment: Moment, rng: random.Random) -> tuple[str, list[str]]:
    """Strikes a job once; returns what was done, and what is wrong after it."""
    number, victims = pick(rng, place.count)
    whom = "all" if len(victims) == place.count else f"process {victims[0]}"
    done = f"{signal.Signals(number).name} to {whom}"
    try:
        statuses, printed = job.strike(number, moment, victims)
    except subprocess.TimeoutExpired as hung:
        return done, [f"it did not end in {hung.timeout:.0f} s: {job.printed[-400:]}"]
    wrong = partial(place)
    if not statuses_are_right(number, statuses, victims):
        wrong.append(f"exit statuses {statuses}: {printed[-400:]}")
    if AGAIN in statuses and not any(f"error: process {i} (" in printed for i in victims):
        wrong.append(f"the process that died is not named: {printed[-400:]}")
    if "Traceback" in printed:
        wrong.append(printed[printed.index("Traceback") :][-400:])
    return done, wrong


def preparing(
    folder: Path, whole: Reference, moments: int, rng: random.Random
) -> Iterator[tuple[str, list[str]]]:
    """Strikes preparations, each of them from the start; then lets them end."""
    expected = files_of(whole.place.cache)
    for i in range(moments):
        cache = folder / f"cache{whole.place.count}-{i}"
        place = replace(whole.place, cache=cache, workdir=folder / "prepared")
        at = rng.uniform(0.1, whole.seconds["preparing"])
        done, wrong = strike(place, place.prepare, later(lambda: True, at), rng)
        place.prepare.finish()
        made = files_of(cache)
        apart = [name for name in {*made, *expected} if made.get(name) != expected.get(name)]
        yield f"{done} after {at:.1f} s", wrong + [f"{name} differs" for name in apart[:3]]


def training(
    place: Place, whole: Reference, moments: Sequence[str], rng: random.Random
) -> Iterator[tuple[str, list[str]]]:
    """Strikes one training again and again, further on each time; then lets it end."""
    last = max(Job((), whole.place.workdir).losses())
    places = sorted(rng.randrange(1, last) for _ in moments)
    for phase, step in zip(moments, places, strict=True):
        job = place.train
        moment = job.saving(step) if phase == "saving" else job.reached(step)
        done, wrong = strike(place, job, later(moment, rng.uniform(0.0, 0.05)), rng)
        yield f"{done}, step {step} on", wrong
    place.train.finish()


def evaluating(
    place: Place, whole: Reference, moments: int, rng: random.Random
) -> Iterator[tuple[str, list[str]]]:
    """Strikes evaluations of a trained workdir; then lets one end."""
    for _ in range(moments):
        at = rng.uniform(0.1, whole.seconds["evaluating"])
        done, wrong = strike(place, place.evaluate, later(lambda: True, at), rng)
        yield f"{done} after {at:.1f} s", wrong
    place.evaluate.finish()


def run(folder: Path, moments: int, seed: int, counts: Sequence[int] = (1, 2)) -> bool:
    """Strikes at `moments` moments in all, prints what came of it, and returns whether all held."""
    rng = random.Random(seed)
    held = True
    number = 0
    print("| moment | processes | phase | struck | wrong |\n| --- | --- | --- | --- | --- |")

    def tell(count: int, phase: str, done: str, wrong: list[str]) -> None:
        nonlocal held, number
        number += 1
        held = held and not wrong
        row = (number, count, phase, done, "; ".join(wrong) or "nothing")
        print("| " + " | ".join(map(str, row)) + " |", flush=True)

    for count in counts:
        share = moments // len(counts) // len(PHASES)
        whole = Reference.of(folder, count)
        for done, wrong in preparing(folder, whole, share, rng):
            tell(count, "preparing", done, wrong)
        place = replace(whole.place, workdir=folder / f"killed{count}")
        phases = [rng.choice(("training", "saving")) for _ in range(2 * share)]
        for phase, (done, wrong) in zip(phases, training(place, whole, phases, rng), strict=True):
            tell(count, phase, done, wrong)
        for done, wrong in evaluating(place, whole, share, rng):
            tell(count, "evaluating", done, wrong)
        apart = differences(whole.place.workdir, place.workdir)
        held = held and not apart
        print(
            f"\n{count} process(es): parameters, losses and predictions "
            + (
                f"differ: {', '.join(apart)}"
                if apart
                else "are bit for bit those of a run left alone"
            )
            + "\n",
            flush=True,
        )
    return held


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--moments", type=int, default=24)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2])
    options = parser.parse_args()
    if options.folder:
        options.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        return 0 if run(Path(folder), options.moments, options.seed, options.processes) else 1


if __name__ == "__main__":
    sys.exit(main())
