"""Mode heads: heads on a frozen backbone are compared over the folds of a dataset."""

import functools
import sys
from pathlib import Path

import numpy as np

from jaxvid import pretrained
from jaxvid.ablation import heads
from jaxvid.cli.command import Command, keep_compiled
from jaxvid.cli.crossval import seeds_of
from jaxvid.cli.printing import console, table
from jaxvid.errors import UserError, unknown
from jaxvid.evaluation import cross_validation
from jaxvid.experiment.experiment import open_experiment
from jaxvid.runtime import files
from jaxvid.runtime.signals import Signals
from jaxvid.workdir import layout as workdirs


def run(command: Command, signals: Signals) -> int:
    """Trains and tests every head on every fold with every seed, and prints how they differ."""
    config, workdir, options = command.config, command.workdir, command.options
    heads.check(config)
    names = options["heads"].split(",") if options["heads"] else list(heads.HEADS)
    for name in names:
        if name not in heads.HEADS:
            raise unknown("head", name, heads.HEADS)
    seeds = seeds_of(options["seeds"])
    workdirs.check_writable(workdir)
    pretrained.check(config)
    keep_compiled(config)
    show = functools.partial(print, flush=True)
    with files.locked(workdir, waits=False), signals.deferred():
        opened = open_experiment(cross_validation.without_folds(config))
        show(opened.describe())

        def stop() -> bool:
            return bool(signals.received)

        whole = opened.on(config, opened.data.dataset)
        setting = heads.open_setting(whole, seeds, quiet=False, stop=stop)
        found = heads.compare(setting, names, workdir, show, stop)
        if found is None:
            print("stopped; the same command continues", file=sys.stderr)
            return 128 + signals.received
        base = found[names[0]]
        if options["against"]:
            base = _other(options["against"], names[0], base.shape)
        rows = heads.summary(setting, found, base)
    header = list(rows[0])
    files.write_csv(workdir / "heads.csv", header, [list(row.values()) for row in rows])
    shown = table(["head", "top-1", "sd", "min", "max", "difference", "95 %"])
    for row in rows:
        name, *numbers = row.values()
        shown.add_row(name, *(f"{100 * number:.1f}" for number in numbers))
    console().print(shown)
    against = options["against"] and f" in {options['against']}"
    print(f"differences are from {names[0]}{against}, by fold; heads.csv is in {workdir}")
    return 0


def _other(folder: str, name: str, shape: tuple[int, ...]) -> np.ndarray:
    path = Path(folder) / f"{name}.npy"
    if not path.is_file():
        raise UserError(f"--against={folder}: there is no {path}; jaxvid heads makes it")
    found = files.read_array(path)
    if found.shape != shape:
        raise UserError(f"--against={folder}: {path} is of other videos or seeds")
    return found
