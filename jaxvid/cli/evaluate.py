"""Mode eval: the model of a run is evaluated and reported on."""

from pathlib import Path
from typing import Any

from jaxvid.cli import report
from jaxvid.cli.command import Command, keep_compiled, system
from jaxvid.config import checks as config_checks
from jaxvid.errors import UserError
from jaxvid.runtime import distributed, joining
from jaxvid.runtime.signals import Signals
from jaxvid.workdir import layout as workdirs


def run(command: Command, signals: Signals) -> int:
    """Evaluates the model of a workdir, and reports."""
    check(command)
    workdirs.check_writable(command.workdir)
    workdirs.evaluation_folder(command.workdir, command.config)
    with joining.joined(command.distributed, signals):
        keep_compiled(command.config)
        open_experiment, _, _ = system(command.config)
        experiment = open_experiment(command.config)
        print(experiment.describe(), flush=True)
        return score(command, experiment)


def check(command: Command) -> None:
    """Raises UserError where a config cannot be trained or evaluated by such a command."""
    config_checks.check_undivided(command.config)
    if command.distributed and command.config.model.system == "sift":
        raise UserError("--distributed: the system sift runs in one process")


def score(command: Command, experiment: Any) -> int:
    """Evaluates an experiment's model, prints and reports the results; returns the exit status."""
    _, _, evaluated = system(command.config)
    split = command.config.eval.split
    clips = experiment.data.clips(split)
    workdirs.check_evaluated(command.workdir, experiment.data.dataset, clips, split)
    output = workdirs.evaluation_folder(command.workdir, command.config, clips)
    results = evaluated(experiment, command.workdir, output, quiet=False)
    if distributed.is_primary():
        show(results, output)
        local = experiment.local if distributed.count() > 1 else experiment
        report.add(command, local, output)
    return 0


def show(results: dict[str, Any], folder: Path) -> None:
    """Prints the results of an evaluation, and the folder where they are."""
    for name, value in results.items():
        print(f"{name:30} {value:.4f}" if isinstance(value, float) else f"{name:30} {value}")
    print(f"results and predictions are in {folder}")
