"""Cross-validation: each fold of a dataset is tested on by a run that was trained on the others."""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from jaxvid.config import files as config_files
from jaxvid.data import loading
from jaxvid.data.datasets import Dataset, folds
from jaxvid.errors import UserError
from jaxvid.runtime import files
from jaxvid.workdir import layout as workdirs
from jaxvid.workdir import results as result_files
from jaxvid.workdir.results import COLUMNS, RESULTS, TABLE, Predictions

FOLD = "fold.json"  # beside the results of a finished fold: what it was
FOLDS = "folds.csv"
CONFUSION = "confusion_matrix.csv"
FIGURES = ("accuracy", "mean_over_folds", "precision", "recall", "f1")

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Fold:
    """A fold that was trained with a seed: the groups tested on, and the scores of their clips."""

    seed: int
    number: int
    groups: tuple[str, ...]
    scored: Predictions

    @property
    def accuracy(self) -> float:
        return float((self.scored.predicted == self.scored.labels).mean())


@dataclass(frozen=True)
class Parts:
    """How a system is opened, trained and evaluated, as `jaxvid.cli.command.system` returns it."""

    open_experiment: Callable[..., Any]
    trainer: Callable[..., Any]
    evaluate: Callable[..., Any]


def run(
    config: ConfigDict,
    workdir: Path,
    seeds: Sequence[int],
    system: Parts,
    show: Callable[[str], None] = lambda _: None,
    stop: Callable[[], bool] = lambda: False,
    transform: Callable[[Any], Any] = lambda experiment: experiment,
    progress: Callable[[str], None] | None = None,
) -> list[Fold] | None:
    """Trains and tests every fold of `data.folds` with every seed, each in a workdir in a folder.

    What is finished is read, what is unfinished goes on. The dataset's index and records are opened
    once: `transform` is given that experiment, on all its videos, and returns the one to take the
    folds of. `show` receives a line for each fold, `progress` what a trainer shows. Returns the
    folds by seed and number, or None where `stop` ended it before: it is called between folds, and
    by the trainers. Raises UserError before anything is trained where a fold cannot be.
    """
    _check(config, workdir)
    with files.locked(workdir, waits=False):
        workdirs.keep_config(workdir, _under(config, 1, 0))
        whole = without_folds(_under(config, 1, seeds[0]))
        starts = not (_folder(workdir, 1, seeds[0]) / "checkpoints").is_dir()
        opened = transform(system.open_experiment(whole, starts, trains=True))
        divided = _divided(config, opened.data.dataset, seeds[0])
        show(_described(opened.data.dataset, len(divided), seeds))
        _warn(config, divided)
        done = []
        for seed in seeds:
            for number, dataset in enumerate(divided, 1):
                if stop():
                    return None
                own = _under(config, number, seed)
                if config.data.clips_per_class and seed != seeds[0]:
                    dataset = loading.divide(opened.data.dataset, own.data, seed)
                experiment = opened.on(own, dataset)
                folder = _folder(workdir, number, seed)
                fold = _finished(experiment, folder) or _trained(
                    experiment, folder, system, stop, progress
                )
                if fold is None:
                    return None
                done.append(fold)
                clips = len(fold.scored.clips)
                where = f"seed {seed}, fold {number} of {len(divided)}"
                show(f"{where}: top-1 {fold.accuracy:.4f} of {clips} clips")
        return done


def without_folds(config: ConfigDict) -> ConfigDict:
    """Returns the config under which the videos of all folds are opened."""
    config = config.copy_and_resolve_references()
    config.data.update(folds=0, split=1, validation=0.0, clips_per_class=0)
    return config


def check_folds(config: ConfigDict) -> None:
    """Raises UserError for a config without folds."""
    if not config.data.folds:
        raise UserError(
            "config.data.folds=0: set it to the number of folds, or to -1 for one of each group"
        )


def _check(config: ConfigDict, workdir: Path) -> None:
    check_folds(config)
    if config.eval.split != "test":
        raise UserError(f"config.eval.split={config.eval.split}: must be test, for crossval")
    if any((workdir / name).exists() for name in ("checkpoints", "classical", workdirs.SPLIT)):
        raise UserError(f"{workdir} holds a run; choose another --workdir")
    workdirs.check(workdir, _under(config, 1, 0))


def _under(config: ConfigDict, number: int, seed: int) -> ConfigDict:
    """Returns the config of a fold."""
    config = config.copy_and_resolve_references()
    config.data.split, config.seed = number, seed
    return config


def _folder(workdir: Path, number: int, seed: int) -> Path:
    return workdir / f"fold-{number:02d}-seed-{seed}"


def _divided(config: ConfigDict, dataset: Dataset, seed: int) -> list[Dataset]:
    """Returns the dataset divided for each fold."""
    count = max(folds.numbered(dataset, config.data.folds).values())
    numbers = range(1, count + 1)
    return [loading.divide(dataset, _under(config, k, seed).data, seed) for k in numbers]


def _described(dataset: Dataset, count: int, seeds: Sequence[int]) -> str:
    used = [video for video in dataset.videos if video.split != "unused"]
    groups, classes = len({video.group for video in used}), len(dataset.class_names)
    return (
        f"data     {dataset.name}, {classes} classes, {len(used):,} videos in {groups:,} groups; "
        f"{count} folds, seed {', '.join(map(str, seeds))}"
    )


def _warn(config: ConfigDict, divided: Iterable[Dataset]) -> None:
    lacking = [number for number, each in enumerate(divided, 1) if folds.not_tested(each)]
    if lacking:
        logger.warning("%d folds do not test every class, fold %d first", len(lacking), lacking[0])
    chooses = config.eval.checkpoint == "best" or config.train.patience
    if chooses and not config.data.validation:
        logger.warning(
            "the checkpoint is chosen on the clips that it is then tested on: set "
            "config.data.validation, or config.eval.checkpoint=last and config.train.patience=0"
        )


def _finished(experiment: Any, folder: Path) -> Fold | None:
    """Returns what an earlier run left of a fold, or None where it is not finished."""
    config = experiment.config
    if not (folder / workdirs.CONFIG).is_file():
        return None
    workdirs.check(folder, config)
    if config_files.read(folder / workdirs.CONFIG).train.epochs != config.train.epochs:
        return None
    clips = experiment.data.clips("test")
    output = workdirs.evaluation_folder(folder, config, clips)
    if not all((output / name).is_file() for name in (FOLD, TABLE, RESULTS)):
        return None
    scored = result_files.read(output)
    if scored.clips != tuple(files.utf8(clip.id) for clip in clips):
        return None
    return Fold(config.seed, config.data.split, tuple(files.read_json(output / FOLD)), scored)


def _trained(
    experiment: Any,
    folder: Path,
    system: Parts,
    stop: Callable[[], bool],
    progress: Callable[[str], None] | None,
) -> Fold | None:
    config = experiment.config
    workdirs.check(folder, config)
    trainer = system.trainer(experiment, folder, progress)
    workdirs.claim(folder, config, experiment.data.dataset, trainer.clips)
    trainer.run(stop)
    if stop():
        return None
    clips = experiment.data.clips("test")
    output = workdirs.evaluation_folder(folder, config, clips)
    (output / FOLD).unlink(missing_ok=True)
    system.evaluate(experiment, folder, output)
    groups = sorted({files.utf8(clip.group) for clip in clips})
    files.write_json(output / FOLD, groups)
    return Fold(config.seed, config.data.split, tuple(groups), result_files.read(output))


def write(done: Sequence[Fold], config: ConfigDict, workdir: Path) -> dict[str, Any]:
    """Writes folds.csv, predictions.csv, confusion_matrix.csv and results.json to a folder.

    Returns the content of results.json: the figures of each seed, pooled over its folds, and their
    mean, standard deviation (of a sample; None for one seed), minimum and maximum over the seeds.
    """
    from jaxvid.evaluation import metrics  # scikit-learn takes a second to load

    names = done[0].scored.class_names
    seeds = list(dict.fromkeys(fold.seed for fold in done))
    per_seed: list[dict[str, Any]] = []
    for seed in seeds:
        own = [fold for fold in done if fold.seed == seed]
        labels, probabilities = pooled(own)
        found = metrics.summary(probabilities, labels)
        means = {"mean_over_folds": float(np.mean([fold.accuracy for fold in own]))}
        values = {**found, **means}
        per_seed.append({"seed": seed, **{name: values[name] for name in FIGURES}})
    labels, probabilities = pooled(done)
    counts = metrics.confused(labels, probabilities.argmax(-1), len(names))
    results = {
        "dataset": config.data.dataset,
        "config": config.name,
        "folds": max(fold.number for fold in done),
        "num_clips": len(labels) // len(seeds),
        "seeds": per_seed,
        **{name: _spread([each[name] for each in per_seed]) for name in FIGURES},
    }
    rows = [
        (f.seed, f.number, ";".join(f.groups), len(f.scored.clips), f"{f.accuracy:.6f}")
        for f in done
    ]
    files.write_csv(workdir / FOLDS, ("seed", "fold", "groups", "clips", "accuracy"), rows)
    header = ("seed", "fold", *COLUMNS, *names)
    files.write_csv(workdir / TABLE, header, (row for fold in done for row in _predictions(fold)))
    table = [[name, *row] for name, row in zip(names, counts.tolist(), strict=True)]
    files.write_csv(workdir / CONFUSION, ("class", *names), table)
    files.write_json(workdir / RESULTS, results)
    return results


def pooled(done: Sequence[Fold]) -> tuple[np.ndarray, np.ndarray]:
    """Returns the labels (B,) and probabilities (B, N) of the clips of several folds."""
    labels = np.concatenate([fold.scored.labels for fold in done])
    return labels, np.concatenate([fold.scored.probabilities for fold in done])


def _spread(values: list[float]) -> dict[str, float | None]:
    return {
        "mean": float(np.mean(values)),
        "std": float(np.std(values, ddof=1)) if len(values) > 1 else None,
        "min": min(values),
        "max": max(values),
    }


def _predictions(fold: Fold) -> Iterable[list[Any]]:
    scored, names = fold.scored, fold.scored.class_names
    for clip, label, best, row in zip(
        scored.clips, scored.labels, scored.predicted, scored.probabilities, strict=True
    ):
        shown = [f"{probability:.6f}" for probability in row]
        about = [fold.seed, fold.number, clip, names[label], names[best], int(best == label)]
        yield [*about, *shown]
