"""The modes of the command line: what each one does, takes and runs.

What a mode needs is imported when it runs: JAX takes a second to load, and a mistyped flag should
be answered at once.
"""

import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from jaxvid import config_checks, files, memory, pretrained
from jaxvid import workdir as workdirs
from jaxvid.command import Command, Mode
from jaxvid.errors import UserError
from jaxvid.signals import Signals

logger = logging.getLogger(__name__)

_FUSION = "a fusion has none of its own"


def _train(command: Command, signals: Signals) -> int:
    memory.keep_freed()
    config_checks.check_undivided(command.config)
    workdirs.check(command.workdir, command.config)
    starts = not (command.workdir / "checkpoints").is_dir()
    if starts:
        pretrained.check(command.config)
    _keep_compiled(command.config)
    open_experiment, Trainer, _ = _system(command.config.model.system)
    experiment = open_experiment(command.config, starts)
    print(experiment.describe(), flush=True)
    experiment.warn_of_classes()
    trainer = Trainer(experiment, command.workdir)
    with files.locked(command.workdir, waits=False), signals.deferred():
        workdirs.claim(command.workdir, command.config, experiment.dataset, trainer.clips)
        trainer.run(lambda: bool(signals.received))
    if signals.received:
        saved = f"stopped and saved in {command.workdir}"
        print(f"{saved}; the same command continues", file=sys.stderr)
        return 128 + signals.received
    return _score(command, experiment)


def _eval(command: Command, signals: Signals) -> int:
    memory.keep_freed()
    config_checks.check_undivided(command.config)
    workdirs.check_writable(command.workdir)
    workdirs.evaluation_folder(command.workdir, command.config)
    _keep_compiled(command.config)
    open_experiment, _, _ = _system(command.config.model.system)
    experiment = open_experiment(command.config)
    print(experiment.describe(), flush=True)
    return _score(command, experiment)


def _score(command: Command, experiment: Any) -> int:
    _, _, evaluate = _system(command.config.model.system)
    split = command.config.eval.split
    clips = experiment.clips(split)
    workdirs.check_evaluated(command.workdir, experiment.dataset, clips, split)
    output = workdirs.evaluation_folder(command.workdir, command.config, clips)
    _show(evaluate(experiment, command.workdir, output), output)
    _report_unasked(command, experiment, output)
    return 0


def _report_unasked(command: Command, footage: Any, output: Path, lacks: str = "") -> None:
    from jaxvid.report import writing

    # The results are written: whatever goes wrong with their pictures must not look like a loss.
    try:
        written = writing.write(command.workdir, output, command.config, footage, lacks_clips=lacks)
        print(f"the report is {written.page}")
    except Exception as error:  # of any kind
        logger.warning(
            "no report was written (%s: %s); --mode=report --workdir=%s tries again",
            type(error).__name__,
            error,
            command.workdir,
        )


def _report(command: Command, signals: Signals) -> int:
    from jaxvid.report import runs, writing

    config, folder = command.config, command.workdir
    others, chosen = [Path(a) for a in command.arguments], command.options["classes"]
    footage, why = None, _FUSION
    if config is not None:
        folder = workdirs.evaluation_folder(command.workdir, config)
    # Raises for what is wrong with the runs or the classes before any video is read.
    [run, *_] = runs.read_all(runs.read(command.workdir, folder, config), others)
    writing.classes_of(chosen, run.scored.class_names)
    if config is not None:
        _keep_compiled(config)
        footage, why = _footage(config)
    written = writing.write(command.workdir, folder, config, footage, others, chosen, why)
    for reason in written.lacks.values():
        print(reason)
    for figure in written.figures:
        print(figure)
    print(f"the report is {written.page}")
    return 0


def _footage(config: ConfigDict) -> tuple[Any, str]:
    """Returns a run's dataset with its records, or None and the reason where it is not at hand."""
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
        from jaxvid.evaluate import evaluate
        from jaxvid.experiment import open_experiment
        from jaxvid.train import Trainer
    return open_experiment, Trainer, evaluate


def _prepare(command: Command, signals: Signals) -> int:
    from jaxvid import prepare

    prepare.run(command.config, **command.options)
    return 0


def _preview(command: Command, signals: Signals) -> int:
    from jaxvid.preview import preview

    workdirs.check(command.workdir, command.config)
    path = command.workdir / "preview.png"
    for line in preview(command.config, path):
        print(line)
    print(f"the first training clips are shown in {path}")
    return 0


def _fuse(command: Command, signals: Signals) -> int:
    from jaxvid.fusion import fuse

    _show(fuse([Path(a) for a in command.arguments], command.workdir), command.workdir)
    _report_unasked(command, None, command.workdir, _FUSION)
    return 0


def _predict(command: Command, signals: Signals) -> int:
    from jaxvid import predict

    _check_trained(command)
    skipped = predict.run(command.config, command.workdir, command.arguments, **command.options)
    return 1 if skipped else 0


def _features(command: Command, signals: Signals) -> int:
    from jaxvid import features

    _check_trained(command)
    skipped = features.run(command.config, command.workdir, command.arguments, **command.options)
    return 1 if skipped else 0


def _search(command: Command, signals: Signals) -> int:
    from jaxvid import search

    _check_trained(command)
    skipped = search.run(command.config, command.workdir, command.arguments, **command.options)
    return 1 if skipped else 0


def _export(command: Command, signals: Signals) -> int:
    from jaxvid import export

    _check_trained(command)
    export.run(command.config, command.workdir, command.options["output"])
    return 0


def _check_trained(command: Command) -> None:
    # Raises where the config has another model than the workdir.
    workdirs.evaluation_folder(command.workdir, command.config)
    _keep_compiled(command.config)


def _convert(command: Command, signals: Signals) -> int:
    from jaxvid.pretrained.convert import convert

    loaded = convert(command.config, command.workdir, **command.options)
    print(pretrained.describe(loaded, command.config))
    print(f"the model is in {command.workdir}, for --mode=predict and --mode=eval")
    return 0


def _count(command: Command, signals: Signals) -> int:
    from jaxvid import counting

    counts = counting.describe(command.config, command.workdir, **command.options)
    for name, value in counts.items():
        print(f"{name:30} {value}")
    return 0


def _keep_compiled(config: ConfigDict) -> None:
    from jaxvid.data import loading
    from jaxvid.devices import keep_compiled

    keep_compiled(loading.cache_folder(config.data) / "compiled")


def _show(results: dict[str, Any], folder: Path) -> None:
    for name, value in results.items():
        print(f"{name:30} {value:.4f}" if isinstance(value, float) else f"{name:30} {value}")
    print(f"results and predictions are in {folder}")


MODES = {
    "train": Mode(
        "train or continue, then evaluate and report; writes to the workdir", _train, continues=True
    ),
    "eval": Mode("evaluate the model of a workdir, and report", _eval, continues=True),
    "prepare": Mode(
        "decode the dataset's videos into records, so that training starts at once, and report",
        _prepare,
        flags=("output",),
        continues=True,
    ),
    "preview": Mode(
        "draw the first training clips as the model will see them, to preview.png of the workdir",
        _preview,
    ),
    "fuse": Mode(
        "average the scores of the evaluated workdirs that are named; writes to the workdir",
        _fuse,
        takes_arguments=True,
        takes_config=False,
    ),
    "report": Mode(
        "draw an evaluated run's figures and write its report.html, beside other runs if named",
        _report,
        flags=("classes",),
        takes_arguments=True,
        needs_config=False,
    ),
    "predict": Mode(
        "label the video files, and those in the folders, that are named",
        _predict,
        flags=("output", "top", "timeline", "annotate"),
        takes_arguments=True,
    ),
    "features": Mode(
        "write what the network computes of every window of the videos that are named",
        _features,
        flags=("output",),
        takes_arguments=True,
        continues=True,
    ),
    "search": Mode(
        "find the videos whose features are likest to those of the videos that are named; "
        "without any, near duplicates",
        _search,
        flags=("features", "likeness", "top", "output"),
        takes_arguments=True,
    ),
    "export": Mode(
        "write the network of a workdir as a program that runs without this package",
        _export,
        flags=("output",),
    ),
    "convert": Mode(
        "make a workdir of the published weights that config.init names", _convert, ("class_names",)
    ),
    "count": Mode(
        "print a network's parameters and FLOPs; needs neither its dataset nor a training",
        _count,
        flags=("num_classes",),
    ),
}
