"""The modes of a run: train, evaluate and report, in one process or several."""

import functools
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from jaxvid import pretrained
from jaxvid.cli.command import Command, keep_compiled
from jaxvid.config import checks as config_checks
from jaxvid.errors import UserError
from jaxvid.runtime import distributed, files
from jaxvid.runtime.signals import Signals
from jaxvid.workdir import layout as workdirs

logger = logging.getLogger(__name__)

FUSION = "a fusion has none of its own"

_show = functools.partial(print, flush=True)


def train(command: Command, signals: Signals) -> int:
    """Trains, evaluates and reports."""
    config_checks.check_undivided(command.config)
    _check_shared(command)
    workdirs.check(command.workdir, command.config)
    with distributed.joined(command.distributed, signals):
        return _trained(command, signals)


def _trained(command: Command, signals: Signals) -> int:
    def starting() -> bool:
        return not (command.workdir / "checkpoints").is_dir()

    starts = distributed.from_primary(starting)
    if starts:
        pretrained.check(command.config)
    keep_compiled(command.config)
    open_experiment, Trainer, _ = _system(command.config.model.system)
    experiment = open_experiment(command.config, starts, trains=True)
    _show(experiment.describe())
    experiment.data.warn_of_classes()
    trainer = Trainer(experiment, command.workdir, _show)
    stop = distributed.Agreement(lambda: signals.received)
    with _claimed(command, experiment, trainer), signals.deferred():
        trainer.run(stop)
        asked = stop.now()
    if asked:
        if distributed.is_primary():
            saved = f"stopped and saved in {command.workdir}"
            print(f"{saved}; the same command continues", file=sys.stderr)
        return 128 + asked
    return _score(command, experiment)


@contextmanager
def _claimed(command: Command, experiment: Any, trainer: Any) -> Iterator[None]:
    """Holds the workdir, for all processes of the run, once it is known to be of this config."""

    def claim() -> None:
        workdirs.claim(command.workdir, command.config, experiment.data.dataset, trainer.clips)

    with ExitStack() as held:
        if distributed.is_primary():
            held.enter_context(files.locked(command.workdir, waits=False))
        distributed.from_primary(claim)
        workdirs.check_shared(command.workdir)
        yield


def _check_shared(command: Command) -> None:
    if command.distributed and command.config.model.system == "sift":
        raise UserError("--distributed: the system sift is the work of one process")


def evaluate(command: Command, signals: Signals) -> int:
    """Evaluates the model of a workdir, and reports."""
    config_checks.check_undivided(command.config)
    _check_shared(command)
    workdirs.check_writable(command.workdir)
    workdirs.evaluation_folder(command.workdir, command.config)
    with distributed.joined(command.distributed, signals):
        keep_compiled(command.config)
        open_experiment, _, _ = _system(command.config.model.system)
        experiment = open_experiment(command.config)
        _show(experiment.describe())
        return _score(command, experiment)


def _score(command: Command, experiment: Any) -> int:
    _, _, evaluated = _system(command.config.model.system)
    split = command.config.eval.split
    clips = experiment.data.clips(split)
    workdirs.check_evaluated(command.workdir, experiment.data.dataset, clips, split)
    output = workdirs.evaluation_folder(command.workdir, command.config, clips)
    results = evaluated(experiment, command.workdir, output, quiet=False)
    if distributed.is_primary():
        show(results, output)
        local = experiment.local if distributed.count() > 1 else experiment
        report_unasked(command, local, output)
    return 0


def report_unasked(command: Command, experiment: Any, output: Path, lacks: str = "") -> None:
    """Reports on an evaluation that has just ended; warns where that fails."""
    from jaxvid.report import writing

    # The results are written: whatever goes wrong with their pictures must not look like a loss.
    try:
        written = writing.write(
            command.workdir, output, command.config, experiment, lacks_clips=lacks
        )
        print(f"the report is {written.page}")
    except Exception as error:  # of any kind
        logger.warning(
            "no report was written (%s: %s); --mode=report --workdir=%s tries again",
            type(error).__name__,
            error,
            command.workdir,
        )


def report(command: Command, signals: Signals) -> int:
    """Draws the figures of an evaluated run, and writes its page."""
    from jaxvid.report import runs, writing

    config, folder = command.config, command.workdir
    others, chosen = [Path(a) for a in command.arguments], command.options["classes"]
    experiment, why = None, FUSION
    if config is not None:
        folder = workdirs.evaluation_folder(command.workdir, config)
    # Raises for what is wrong with the runs or the classes before any video is read.
    [run, *_] = runs.read_all(runs.read(command.workdir, folder, config), others)
    writing.classes_of(chosen, run.scored.class_names)
    if config is not None:
        keep_compiled(config)
        experiment, why = _experiment(config)
    written = writing.write(command.workdir, folder, config, experiment, others, chosen, why)
    for reason in written.lacks.values():
        print(reason)
    for figure in written.figures:
        print(figure)
    print(f"the report is {written.page}")
    return 0


def _experiment(config: ConfigDict) -> tuple[Any, str]:
    """Returns a run's experiment, or None and the reason where its dataset is not at hand."""
    open_experiment, _, _ = _system(config.model.system)
    try:
        return open_experiment(config), ""
    except (UserError, OSError) as error:
        return None, str(error)


def _system(name: str) -> tuple[Callable, type, Callable]:
    """Returns how a system's experiment is opened, its trainer, and how it is evaluated."""
    if name == "sift":
        from jaxvid.classical.evaluate import evaluate
        from jaxvid.classical.experiment import open_experiment
        from jaxvid.classical.train import Trainer
    else:
        from jaxvid.evaluation.evaluate import evaluate
        from jaxvid.experiment.experiment import open_experiment
        from jaxvid.training.trainer import Trainer
    return open_experiment, Trainer, evaluate


def show(results: dict[str, Any], folder: Path) -> None:
    """Prints what an evaluation found, and the folder where it is."""
    for name, value in results.items():
        print(f"{name:30} {value:.4f}" if isinstance(value, float) else f"{name:30} {value}")
    print(f"results and predictions are in {folder}")
