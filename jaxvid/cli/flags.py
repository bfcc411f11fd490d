"""Flags: one table for `jaxvid MODE ...` and `--mode=MODE ...`, and the command that they make."""

import difflib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from absl import flags
from absl.flags import DEFINE_bool, DEFINE_float, DEFINE_integer, DEFINE_string, FlagValues
from ml_collections import ConfigDict, config_flags

from jaxvid import __version__
from jaxvid import config as configs
from jaxvid.cli.command import RENAMED_FLAGS, Command
from jaxvid.cli.modes import MODES, TOOLS
from jaxvid.config import checks as config_checks
from jaxvid.config import files as config_files
from jaxvid.config.names import PUBLISHED
from jaxvid.errors import UserError, unknown
from jaxvid.experiment import published
from jaxvid.workdir import layout as workdirs

# How each flag is defined, and its default; `jaxvid/cli/modes.py` has the modes' own flags.
Table = Mapping[str, tuple[Callable[..., Any], Any]]
FLAGS: Table = {
    "mode": (DEFINE_string, "train"),
    "config": (DEFINE_string, ""),
    "workdir": (DEFINE_string, ""),
    "distributed": (DEFINE_bool, False),
    "version": (DEFINE_bool, False),
    "help": (partial(DEFINE_bool, short_name="h"), False),
    "seeds": (DEFINE_string, "0"),
    "heads": (DEFINE_string, ""),
    "against": (DEFINE_string, ""),
    "output": (DEFINE_string, ""),
    "top": (DEFINE_integer, 5),
    "features": (DEFINE_string, ""),
    "similarity": (DEFINE_float, 0.98),
    "timeline": (DEFINE_bool, False),
    "annotate": (DEFINE_string, ""),
    "class_names": (DEFINE_string, ""),
    "num_classes": (partial(DEFINE_integer, lower_bound=1), None),
    "classes": (DEFINE_string, ""),
}
FIELD = re.compile(r"--?(no)?config\.([^=]+)(?:=(.*))?", re.DOTALL)


def parse(arguments: Sequence[str]) -> Command:
    """Returns what a command line asks for, the program's name left out, with its config checked.

    Raises UserError, and SystemExit once help or the version is printed.
    """
    is_short = bool(arguments) and arguments[0] in MODES
    if is_short:
        arguments = [f"--mode={arguments[0]}", *arguments[1:]]
    values, rest, overrides = read(arguments, FLAGS)
    given = {name for name in FLAGS if values[name].present}
    name = values.mode
    if values.version:
        print(f"jaxvid {__version__}")
        raise SystemExit(0)
    if values.help:
        from jaxvid.cli import help

        raise SystemExit(help.main([name] if "mode" in given else []))
    if "mode" not in given and rest[:1] == [*arguments[:1]]:
        name = rest[0]
    if name not in MODES:
        raise unknown("command", name, [*MODES, *TOOLS])
    config_name, folder = values.config, values.workdir
    if is_short:
        config_name, folder = _take_first(name, config_name, folder, rest)
    if rest and " " not in MODES[name].arguments:
        raise UserError(
            f"unexpected argument '{rest[0]}'; usage: jaxvid {name} {MODES[name].arguments}"
        )
    if folder and MODES[name].arguments.startswith("RUN"):
        folder = str(published.folder_of(folder))
    _check_flags(name, given)
    config = _config(name, config_name, folder, overrides)
    if config is not None:
        folder = folder or f"runs/{config.name}-{config.data.dataset}{MODES[name].suffix}"
    elif not folder:
        raise UserError(f"{name} requires --workdir=DIR")
    options = {flag: values[flag].value for flag in MODES[name].flags}
    return Command(name, config, Path(folder), rest, options, values.distributed)


def read(
    arguments: Sequence[str], table: Table
) -> tuple[FlagValues, list[str], dict[str, list[str]]]:
    """Returns the values of the flags, the other arguments, and the texts given for each field.

    Raises UserError for a flag that is not in the table, and for a value of another type.
    """
    values = FlagValues()
    values.set_gnu_getopt()  # flags may follow arguments
    for name, (define, default) in table.items():
        define(name, default, "", flag_values=values)
    for old, new in RENAMED_FLAGS.items():
        if new in table:
            flags.DEFINE_alias(old, new, flag_values=values)
    argv, words = [""], list(arguments)
    overrides: dict[str, list[str]] = {}
    while words:
        word = words.pop(0)
        if not (match := FIELD.fullmatch(word)):
            argv.append(word)
            continue
        no, field, text = match.groups()
        if text is None:  # `--config.FIELD VALUE`, or a field that is switched on or off
            alone = no or not words or words[0].startswith("--")
            text = ("false" if no else "true") if alone else words.pop(0)
        overrides.setdefault(config_files.RENAMED.get(field, field), []).append(text)
    try:
        rest: list[str] = values(argv)[1:]
    except flags.UnrecognizedFlagError as error:
        near = did_you_mean(f"--{error.flagname}", [f"--{name}" for name in table])
        raise UserError(f"there is no flag --{error.flagname}{near}") from None
    except flags.Error as error:
        raise UserError(str(error)) from None
    return values, rest, overrides


def _take_first(name: str, config: str, folder: str, rest: list[str]) -> tuple[str, str]:
    """Takes RUN, CONFIG or OUT from the other arguments; returns the config and the workdir."""
    usage = MODES[name].arguments
    kind = usage.split()[0]
    if (config or (folder and not rest)) if kind == "CONFIG" else folder:
        return config, folder
    if not rest:
        raise UserError(f"{kind} is missing; usage: jaxvid {name} {usage}")
    first = rest.pop(0)
    if kind == "CONFIG" and (folder or not (Path(first) / workdirs.CONFIG).is_file()):
        return first, folder
    if kind == "RUN" and first not in PUBLISHED and not Path(first).is_dir():
        there = (*Path(first).parent.glob("*/"), *Path("runs").glob("*/"))
        near = did_you_mean(first, {*PUBLISHED, *(str(path) for path in there if path.is_dir())})
        raise UserError(f"there is no run '{first}'{near or '; jaxvid train makes one'}")
    return config, first


def _check_flags(name: str, given: set[str]) -> None:
    """Raises UserError where flags of other modes are given."""
    for flag in sorted(given):
        takers = [other for other, mode in MODES.items() if flag in mode.flags]
        if takers and name not in takers:
            raise UserError(f"--{flag} is a flag of {' and '.join(takers)}, not of {name}")
    if "distributed" in given and not MODES[name].distributes:
        takers = [other for other, mode in MODES.items() if mode.distributes]
        raise UserError(
            f"--distributed: {name} runs in one process; {', '.join(takers)} accept the flag"
        )


def _config(
    name: str, config_name: str, folder: str, overrides: Mapping[str, list[str]]
) -> ConfigDict | None:
    """Returns the config of a mode, from its file or the workdir's, with fields overridden."""
    file = Path(folder) / workdirs.CONFIG
    if config_name:
        config = config_files.load(config_name)
    elif folder and (MODES[name].needs_config or file.is_file()):
        config = config_files.read(file)
    elif MODES[name].needs_config:
        raise UserError("pass --config=NAME, or --workdir=DIR of an earlier run (see --help)")
    elif overrides:
        raise UserError(f"--config.{next(iter(overrides))}: {name} has no config here")
    else:
        return None
    known = configs.flatten(config)
    for field in (field for field in overrides if field not in known):
        near = did_you_mean(field, known) or "; jaxvid fields lists them"
        raise UserError(f"there is no field config.{field}{near}")
    argv = [f"--config.{field}={text}" for field, texts in overrides.items() for text in texts]
    values = FlagValues()
    config_flags.DEFINE_config_dict("config", config, flag_values=values, sys_argv=argv)
    try:
        values(["", *argv])
    except flags.Error as error:
        raise UserError(str(error)) from None
    config_checks.check(values.config)
    return values.config


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Returns the end of a message: the known words nearest to a mistyped one, or ""."""
    near = difflib.get_close_matches(word, list(known))
    return f"; did you mean {' or '.join(near)}?" if near else ""
