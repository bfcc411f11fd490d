"""The command line: flags, and which mode to run.

python -m jaxvid.main --config=configs/li3d_bilstm.py [--workdir=DIR] [--config.FIELD=VALUE ...]
python launch/local.py 4 --config=configs/li3d_bilstm.py    (several processes: launch/README.md)
python -m jaxvid.main --mode=preview --config=configs/li3d_bilstm.py
python -m jaxvid.main --mode=eval --workdir=runs/try1
python -m jaxvid.main --mode=predict --workdir=runs/try1 clip.mp4 FOLDER [--output=labels.csv]
python -m jaxvid.main --mode=predict --workdir=runs/try1 webcam:0
python -m jaxvid.main --mode=features --workdir=runs/try1 FOLDER --output=features
python -m jaxvid.main --mode=search --workdir=runs/try1 --features=features [query.mp4]
python -m jaxvid.main --mode=export --workdir=runs/try1 --output=exported
python -m jaxvid.main --mode=report --workdir=runs/try1 [runs/try2 ...] [--classes=SitDown,StandUp]
python -m jaxvid.main --mode=prepare --config=configs/li3d_bilstm.py:ucf101 --config.data.root=...
python -m jaxvid.main --mode=convert --config=configs/i3d.py:kinetics --class_names=kinetics400.txt
    --config.init.source=i3d_pytorch --config.init.path=rgb_imagenet.pt --workdir=runs/i3d
python -m jaxvid.main --mode=count --config=configs/deep_fusion.py:ucf101 [--num_classes=N]
python -m jaxvid.main --mode=fuse --workdir=runs/two_stream runs/vgg16_rgb runs/vgg16_flow
"""

import sys

from jaxvid.runtime import huge_pages

if __name__ == "__main__":  # before what takes a third of a second to import
    huge_pages.start_again("jaxvid.main", sys.argv[1:])

import difflib
import logging
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from absl import flags
from ml_collections import ConfigDict, config_flags

from jaxvid import config as configs
from jaxvid.cli.command import RENAMED_FLAGS, Command
from jaxvid.cli.modes import MODES
from jaxvid.config import checks as config_checks
from jaxvid.config import files as config_files
from jaxvid.errors import UserError, one_line
from jaxvid.runtime import joining
from jaxvid.runtime.signals import Signals, interrupt_again, is_interrupt
from jaxvid.workdir import layout as workdirs

FIELDS_HELP = "  --config.FIELD=VALUE: sets one of the fields that jaxvid/config/fields.py lists"


def main(argv: Sequence[str]) -> int:
    """Runs a mode. Returns the exit status: 0 done, 2 wrong input, 128 + n left upon signal n.

    With --distributed also 75: another process has ended, and the same command continues.
    """
    logging.basicConfig(format="%(levelname)s: %(message)s", level=logging.WARNING, force=True)
    for library in ("absl", "asyncio"):  # what Orbax says there comes as an exception too
        logging.getLogger(library).setLevel(logging.CRITICAL)
    signals, command = Signals(), None
    try:
        command = _parse(list(argv))
        if command.config is not None:
            config_checks.check(command.config)
        return MODES[command.mode].run(command, signals)
    except (Exception, KeyboardInterrupt) as error:
        if is_interrupt(error):
            continues = command is not None and MODES[command.mode].continues
            said = "stopped; the same command continues" if continues else "stopped"
            print(said, file=sys.stderr)
            return 128 + signals.received
        if not isinstance(error, UserError | OSError):
            raise
        print(one_line(error), file=sys.stderr)
        return error.status if isinstance(error, UserError) else 2


def _tell_unraisable(about: Any) -> None:
    if about.exc_type is KeyboardInterrupt:
        interrupt_again()
    # A save that failed is raised once; what else was being written with it ends unheard.
    elif str(about.exc_value) != "Event loop is closed":
        sys.__unraisablehook__(about)


def _parse(argv: list[str]) -> Command:
    argv = _joined(argv)
    values = flags.FlagValues()
    values.set_gnu_getopt()  # flags may follow arguments
    flags.DEFINE_enum("mode", "train", list(MODES), "what to do", flag_values=values)
    flags.DEFINE_string(
        "workdir", "", "folder of the run; by default runs/SYSTEM-DATASET", flag_values=values
    )
    flags.DEFINE_string(
        "output",
        "",
        "predict: new .csv or .json file for the labels; prepare: new .json or .txt file for the "
        "report; search: new .csv file; features, export: folder",
        flag_values=values,
    )
    flags.DEFINE_integer(
        "top", 5, "predict: labels to show per video; search: videos per query", flag_values=values
    )
    flags.DEFINE_string(
        "features", "", "search: folder that --mode=features wrote", flag_values=values
    )
    flags.DEFINE_float(
        "similarity",
        0.98,
        "search: cosine from which videos are near duplicates",
        flag_values=values,
    )
    flags.DEFINE_bool(
        "timeline", False, "predict: label every window (config.windows)", flag_values=values
    )
    flags.DEFINE_string(
        "annotate", "", "predict: folder for copies with labels drawn on them", flag_values=values
    )
    flags.DEFINE_string(
        "class_names",
        "",
        "convert: text file, the name of a class in each line",
        flag_values=values,
    )
    flags.DEFINE_integer(
        "num_classes",
        None,
        "count: classes, where it is not known how many the dataset has",
        lower_bound=1,
        flag_values=values,
    )
    flags.DEFINE_string(
        "classes", "", "report: classes of the second t-SNE, A,B,C", flag_values=values
    )
    flags.DEFINE_bool(
        "distributed",
        False,
        "this is one of several processes that a launcher has started: see launch/README.md",
        flag_values=values,
    )
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
        modes = "\n".join(f"  {name:9} {mode.does}" for name, mode in MODES.items())
        known = values.module_help(sys.argv[0])
        print(f"{__doc__}\nModes:\n{modes}\n\nFlags:\n{known}\n{FIELDS_HELP}")
        raise SystemExit(0)
    mode = MODES[values.mode]
    for name in {name for other in MODES.values() for name in other.flags} - {*mode.flags}:
        if values[name].present:
            takers = " and ".join(f"--mode={n}" for n, m in MODES.items() if name in m.flags)
            raise UserError(f"--{name} is of {takers}; --mode={values.mode} has none")
    if rest and not mode.takes_arguments:
        raise UserError(f"unexpected argument '{rest[0]}': --mode={values.mode} takes none")
    if values.distributed and not mode.distributes:
        takers = ", ".join(f"--mode={n}" for n, m in MODES.items() if m.distributes)
        raise UserError(
            f"--distributed: --mode={values.mode} is the work of one process; {takers} take it"
        )
    folder = values.workdir
    if mode.takes_config and (config is not None or mode.needs_config):
        if config is None:
            raise UserError(
                "--config=configs/NAME.py is wanted, or the --workdir of an earlier run"
            )
        config = values.config
        folder = folder or f"runs/{config.name}-{config.data.dataset}"
    elif not folder:
        raise UserError(f"--mode={values.mode} needs --workdir=FOLDER for what it writes")
    options = {name: values[name].value for name in mode.flags}
    return Command(values.mode, config, Path(folder), rest, options, values.distributed)


def _joined(argv: list[str]) -> list[str]:
    """Returns the arguments with `-flag value` as `--flag=value`, for the flags that take one."""
    joined: list[str] = []
    for argument in argv:
        before = joined[-1] if joined else ""
        if re.fullmatch(r"--?(mode|workdir|config(\.[\w.]+)?)", before):
            joined[-1] = f"--{before.lstrip('-')}={argument}"
        else:
            joined.append(re.sub(r"^--?(?=(mode|workdir|config)\b)", "--", argument))
    for old, new in RENAMED_FLAGS.items():
        joined = [re.sub(rf"^--?{old}(?==|$)", f"--{new}", argument) for argument in joined]
    for old, new in config_files.RENAMED.items():
        joined = [
            re.sub(rf"^--config\.{re.escape(old)}(?==)", f"--config.{new}", a) for a in joined
        ]
    return joined


def _config(argv: list[str]) -> ConfigDict | None:
    given = {name: value for name, _, value in (a.partition("=") for a in argv)}
    mode = MODES.get(given.get("--mode", "train"))
    if mode and not mode.takes_config:
        return None
    if "--config" in given:
        return config_files.load(given["--config"])
    if "--workdir" in given:
        file = Path(given["--workdir"]) / workdirs.CONFIG
        if file.is_file() or mode is None or mode.needs_config:
            return config_files.read(file)
    return None


def _check_fields(argv: list[str], config: ConfigDict) -> None:
    known = configs.flatten(config)
    for argument in argv:
        field = argument.removeprefix("--config.").partition("=")[0]
        if argument.startswith("--config.") and field not in known:
            near = difflib.get_close_matches(field, known, n=3)
            raise UserError(
                f"there is no field config.{field}"
                + (
                    f"; did you mean {' or '.join(near)}?"
                    if near
                    else "; see jaxvid/config/fields.py"
                )
            )


if __name__ == "__main__":
    # Set before JAX and OpenCV are loaded: what they say of themselves helps no user.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
    sys.unraisablehook = _tell_unraisable
    sys.stdout.reconfigure(errors="backslashreplace")  # names of files may be no text
    status = main(sys.argv)
    joining.leave(status)
    sys.exit(status)
