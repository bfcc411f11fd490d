"""The command line: flags, and which mode to run.

python -m jaxvid.main --config=configs/li3d_bilstm.py [--workdir=DIR] [--config.FIELD=VALUE ...]
python -m jaxvid.main --mode=eval --workdir=runs/try1
python -m jaxvid.main --mode=predict --workdir=runs/try1 clip.mp4 FOLDER [--output=labels.csv]
python -m jaxvid.main --mode=prepare --config=configs/li3d_bilstm.py:ucf101 --config.data.root=...
python -m jaxvid.main --mode=fuse --workdir=runs/two_stream runs/vgg16_rgb runs/vgg16_flow
"""

import difflib
import logging
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from absl import flags
from ml_collections import ConfigDict, config_flags

from jaxvid import config as configs
from jaxvid import config_checks, config_files, files
from jaxvid import workdir as workdirs
from jaxvid.errors import UserError, one_line

MODES = {
    "train": "train, or continue to train, then evaluate; writes to the workdir",
    "eval": "evaluate the model of a workdir",
    "prepare": "decode the dataset's videos into records, so that training starts at once",
    "fuse": "average the scores of the evaluated workdirs that are named; writes to the workdir",
    "predict": "label the video files, and those in the folders, that are named",
}
TAKE_ARGUMENTS = ("fuse", "predict")
FIELDS_HELP = "  --config.FIELD=VALUE: sets one of the fields that jaxvid/config.py lists"


def main(argv: Sequence[str]) -> int:
    """Runs a mode. Returns the exit status: 0 done, 2 wrong input, 128 + n left upon signal n."""
    logging.basicConfig(format="%(levelname)s: %(message)s", level=logging.WARNING, force=True)
    for library in ("absl", "asyncio"):  # what Orbax says there comes as an exception too
        logging.getLogger(library).setLevel(logging.CRITICAL)
    signals = _Signals()
    try:
        command = _parse(list(argv))
        if command.config is None:
            return _fuse([Path(argument) for argument in command.arguments], command.workdir)
        config_checks.check(command.config)
        if command.mode == "predict":
            return _predict(command)
        return _run(command.mode, command.config, command.workdir, signals)
    except (UserError, OSError) as error:
        print(one_line(error), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped; the same command continues", file=sys.stderr)
        return 128 + signals.received


def _run(mode: str, config: ConfigDict, workdir: Path, signals: "_Signals") -> int:
    # JAX takes a second to load; a mistyped flag should not.
    from jaxvid.data import loading
    from jaxvid.devices import keep_compiled

    if mode == "prepare":
        videos = loading.open_records(loading.load(config.data), config.data)
        for source in videos.sources:
            count = len(source.position)
            print(f"{source.stream.name} of {count} videos is prepared in {source.folder}")
        return 0
    if mode == "train":
        workdirs.check(workdir, config)
    else:
        workdirs.evaluation_folder(workdir, config)
    keep_compiled(loading.cache_folder(config.data) / "compiled")
    open_experiment, Trainer, evaluate = _system(config.model.system)
    experiment = open_experiment(config)
    print(experiment.describe(), flush=True)
    experiment.warn_of_classes()
    if mode == "train":
        trainer = Trainer(experiment, workdir)
        with files.locked(workdir, waits=False), signals.deferred():
            workdirs.claim(workdir, config, experiment.dataset, trainer.clips)
            trainer.run(lambda: bool(signals.received))
        if signals.received:
            print(f"stopped and saved in {workdir}; the same command continues", file=sys.stderr)
            return 128 + signals.received
    split = config.eval.split
    clips = experiment.clips(split)
    workdirs.check_evaluated(workdir, experiment.dataset, clips, split)
    output = workdirs.evaluation_folder(workdir, config, clips)
    _show(evaluate(experiment, workdir, output), output)
    return 0


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


def _fuse(workdirs: list[Path], output: Path) -> int:
    from jaxvid.fusion import fuse

    _show(fuse(workdirs, output), output)
    return 0


def _predict(command: "_Command") -> int:
    from jaxvid import predict
    from jaxvid.data import loading
    from jaxvid.devices import keep_compiled

    config, workdir = command.config, command.workdir
    workdirs.evaluation_folder(workdir, config)  # raises where the config has another model
    keep_compiled(loading.cache_folder(config.data) / "compiled")
    predict.run(config, workdir, command.arguments, command.output, command.top)
    return 0


def _show(results: dict[str, Any], folder: Path) -> None:
    for name, value in results.items():
        print(f"{name:30} {value:.4f}" if isinstance(value, float) else f"{name:30} {value}")
    print(f"results, predictions and figures are in {folder}")


@dataclass(frozen=True)
class _Command:
    """What a command line says. The config is None for the mode fuse alone, which needs none."""

    mode: str
    config: ConfigDict | None
    workdir: Path
    arguments: list[str]  # which are no flags
    output: str
    top: int


def _parse(argv: list[str]) -> _Command:
    argv = _joined(argv)
    values = flags.FlagValues()
    values.set_gnu_getopt()  # flags may follow arguments
    usage = "; ".join(f"{mode}: {meaning}" for mode, meaning in MODES.items())
    mode = flags.DEFINE_enum("mode", "train", list(MODES), usage, flag_values=values)
    workdir = flags.DEFINE_string(
        "workdir", "", "folder of the run; by default runs/SYSTEM-DATASET", flag_values=values
    )
    output = flags.DEFINE_string(
        "output", "", "predict: new .csv or .json file for the labels", flag_values=values
    )
    top = flags.DEFINE_integer("top", 5, "predict: labels to show per video", flag_values=values)
    flags.DEFINE_bool("help", False, "show this help", flag_values=values, short_name="h")
    config = _config(argv)
    argv = [argument for argument in argv if not argument.startswith("--config=")]
    if config is not None:
        _check_fields(argv, config)
        config_flags.DEFINE_config_dict("config", config, flag_values=values, sys_argv=argv)
    try:
        rest = values(argv)[1:]
    except flags.Error as error:
        raise UserError(str(error)) from None
    if values.help:
        print(f"{__doc__}\nFlags:\n{values.module_help(sys.argv[0])}\n{FIELDS_HELP}")
        raise SystemExit(0)
    for name in ("output", "top"):
        if values[name].present and mode.value != "predict":
            raise UserError(f"--{name} is of --mode=predict; --mode={mode.value} has none")
    if mode.value == "fuse":
        if not workdir.value:
            raise UserError("--mode=fuse needs --workdir=FOLDER for what it writes")
        return _Command(mode.value, None, Path(workdir.value), rest, output.value, top.value)
    if config is None:
        raise UserError("--config=configs/NAME.py is wanted, or the --workdir of an earlier run")
    if rest and mode.value not in TAKE_ARGUMENTS:
        raise UserError(f"unexpected argument '{rest[0]}': --mode={mode.value} takes none")
    folder = workdir.value or f"runs/{config.name}-{config.data.dataset}"
    return _Command(mode.value, values.config, Path(folder), rest, output.value, top.value)


def _joined(argv: list[str]) -> list[str]:
    """Returns the arguments with `-flag value` as `--flag=value`, for the flags that take one."""
    joined: list[str] = []
    for argument in argv:
        before = joined[-1] if joined else ""
        if re.fullmatch(r"--?(mode|workdir|config(\.[\w.]+)?)", before):
            joined[-1] = f"--{before.lstrip('-')}={argument}"
        else:
            joined.append(re.sub(r"^--?(?=(mode|workdir|config)\b)", "--", argument))
    return joined


def _config(argv: list[str]) -> ConfigDict | None:
    given = {name: value for name, _, value in (a.partition("=") for a in argv)}
    if given.get("--mode") == "fuse":
        return None
    if "--config" in given:
        return config_files.load(given["--config"])
    if "--workdir" in given:
        return config_files.read(Path(given["--workdir"]) / workdirs.CONFIG)
    return None


def _check_fields(argv: list[str], config: ConfigDict) -> None:
    known = configs.flatten(config)
    for argument in argv:
        field = argument.removeprefix("--config.").partition("=")[0]
        if argument.startswith("--config.") and field not in known:
            near = difflib.get_close_matches(field, known, n=3)
            raise UserError(
                f"there is no field config.{field}"
                + (f"; did you mean {' or '.join(near)}?" if near else "; see jaxvid/config.py")
            )


class _Signals:
    """SIGINT and SIGTERM interrupt at once or, while training, ask to save and leave."""

    def __init__(self) -> None:
        self.received = 0
        self._deferred = False
        signal.signal(signal.SIGINT, self._receive)
        signal.signal(signal.SIGTERM, self._receive)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        again, self.received = bool(self.received), number
        if again or not self._deferred:
            raise KeyboardInterrupt

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """Lets the first signal wait until it is asked for; a second one interrupts at once."""
        self._deferred = True
        try:
            yield
        finally:
            self._deferred = False


if __name__ == "__main__":
    # Set before JAX and OpenCV are loaded: what they say of themselves helps no user.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
    sys.exit(main(sys.argv))
