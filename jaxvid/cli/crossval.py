"""Mode crossval: every fold of a dataset is trained and tested on."""

import functools
import sys
from pathlib import Path
from typing import Any

from jaxvid import pretrained
from jaxvid.cli import evaluate
from jaxvid.cli.command import Command, keep_compiled, system
from jaxvid.cli.printing import console, table
from jaxvid.config.checks import LARGEST_SEED
from jaxvid.errors import UserError
from jaxvid.evaluation import cross_validation
from jaxvid.runtime.signals import Signals

NAMES = {"accuracy": "top-1", "mean_over_folds": "mean of folds", "f1": "F1"}


def run(command: Command, signals: Signals) -> int:
    """Trains and tests every fold with every seed, and prints the results."""
    evaluate.check(command)
    seeds = seeds_of(command.options["seeds"])
    config, workdir = command.config, command.workdir
    if not workdir.is_dir():
        pretrained.check(config)
    keep_compiled(config)
    show = functools.partial(print, flush=True)
    progress = functools.partial(print, file=sys.stderr) if sys.stderr.isatty() else None
    parts = cross_validation.Parts(*system(config))
    with signals.deferred():
        done = cross_validation.run(
            config, workdir, seeds, parts, show, lambda: bool(signals.received), progress=progress
        )
    if done is None:
        print(f"stopped and saved in {workdir}; the same command continues", file=sys.stderr)
        return 128 + signals.received
    results = cross_validation.write(done, config, workdir)
    _draw(done, results, workdir)
    _print(results)
    print(f"results, predictions and the confusion matrix are in {workdir}")
    return 0


def seeds_of(text: str) -> list[int]:
    """Returns the numbers of --seeds. Raises UserError."""
    words = text.split(",")
    are_seeds = all(
        word.isdecimal() and len(word) < 20 and int(word) <= LARGEST_SEED for word in words
    )
    if not are_seeds or len(set(map(int, words))) < len(words):
        raise UserError(
            f"--seeds={text}: must be different numbers from 0 to {LARGEST_SEED}, such as 0,1,2"
        )
    return list(map(int, words))


def _draw(done: list[cross_validation.Fold], results: dict[str, Any], workdir: Path) -> None:
    from jaxvid.report import classes

    labels, probabilities = cross_validation.pooled(done)
    seeds = [each["seed"] for each in results["seeds"]]
    text = (
        f"{results['config']}, {results['dataset']}: {results['folds']} folds, each clip tested "
        f"once with each seed: {', '.join(map(str, seeds))}"
    )
    path = workdir / "figures" / "confusion_matrix.png"
    names = done[0].scored.class_names
    classes.confusion_matrix(labels, probabilities.argmax(-1), names, path, text)


def _print(results: dict[str, Any]) -> None:
    figures = cross_validation.FIGURES
    shown = table(["seed", *(NAMES.get(name, name) for name in figures)])
    rows = {str(each["seed"]): each for each in results["seeds"]}
    if len(rows) > 1:
        for statistic in ("mean", "std", "min", "max"):
            rows[statistic] = {name: results[name][statistic] for name in figures}
    for name, values in rows.items():
        shown.add_row(name, *(f"{values[figure]:.4f}" for figure in figures))
    console().print(shown)
