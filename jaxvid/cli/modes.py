"""The modes of the command line: what each one does, takes and runs.

What a mode needs is imported when it runs: JAX takes a second to load, and a mistyped flag should
be answered at once.
"""

from pathlib import Path

from jaxvid import pretrained
from jaxvid.cli import run_modes
from jaxvid.cli.command import Command, Mode, part_of
from jaxvid.runtime.signals import Signals
from jaxvid.workdir import layout as workdirs


def _prepare(command: Command, signals: Signals) -> int:
    from jaxvid.cli import prepare

    prepare.run(part_of(command), **command.options)
    return 0


def _preview(command: Command, signals: Signals) -> int:
    from jaxvid.report.preview import preview

    workdirs.check(command.workdir, command.config)
    path = command.workdir / "preview.png"
    for line in preview(command.config, path):
        print(line)
    print(f"the first training clips are shown in {path}")
    return 0


def _fuse(command: Command, signals: Signals) -> int:
    from jaxvid.evaluation.late_fusion import fuse

    run_modes.show(fuse([Path(a) for a in command.arguments], command.workdir), command.workdir)
    run_modes.report_unasked(command, None, command.workdir, run_modes.FUSION)
    return 0


def _predict(command: Command, signals: Signals) -> int:
    from jaxvid.cli import predict

    return predict.run(command, signals)


def _features(command: Command, signals: Signals) -> int:
    from jaxvid.cli import features

    return features.run(command, signals)


def _search(command: Command, signals: Signals) -> int:
    from jaxvid.cli import search

    return search.run(command, signals)


def _export(command: Command, signals: Signals) -> int:
    from jaxvid.cli import export

    return export.run(command, signals)


def _convert(command: Command, signals: Signals) -> int:
    from jaxvid.experiment.conversion import convert

    loaded = convert(command.config, command.workdir, **command.options)
    print(pretrained.describe(loaded, command.config))
    print(f"the model is in {command.workdir}, for --mode=predict and --mode=eval")
    return 0


def _count(command: Command, signals: Signals) -> int:
    from jaxvid.experiment import flops

    counts = flops.describe(command.config, command.workdir, **command.options)
    for name, value in counts.items():
        print(f"{name:30} {value}")
    return 0


MODES = {
    "train": Mode(
        "train or continue, then evaluate and report; writes to the workdir",
        run_modes.train,
        continues=True,
        distributes=True,
    ),
    "eval": Mode(
        "evaluate the model of a workdir, and report",
        run_modes.evaluate,
        continues=True,
        distributes=True,
    ),
    "prepare": Mode(
        "decode the dataset's videos into records, so that training starts at once, and report",
        _prepare,
        flags=("output",),
        continues=True,
        distributes=True,
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
        run_modes.report,
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
        distributes=True,
    ),
    "search": Mode(
        "find the videos whose features are likest to those of the videos that are named; "
        "without any, near duplicates",
        _search,
        flags=("features", "similarity", "top", "output"),
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
