"""What a command line says, and what a mode is."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from jaxvid.errors import UserError
from jaxvid.runtime import joining
from jaxvid.runtime.signals import Signals
from jaxvid.workdir import layout as workdirs

# Names that flags had, for command lines of earlier versions.
RENAMED_FLAGS = {"likeness": "similarity"}


@dataclass(frozen=True)
class Command:
    """What a command line says.

    `config`: None for a mode that takes none. `arguments`: what is no flag. `options`: the values
    of the mode's own flags, by name. `distributed`: this is one of several processes.
    """

    mode: str
    config: ConfigDict | None
    workdir: Path
    arguments: list[str]
    options: dict[str, Any]
    distributed: bool = False


@dataclass(frozen=True)
class Mode:
    """A mode: what it does, for `--help`; the flags of its own; whether it takes arguments."""

    does: str
    run: Callable[[Command, Signals], int]
    flags: tuple[str, ...] = ()
    takes_arguments: bool = False
    takes_config: bool = True
    needs_config: bool = True  # where it takes one: also in a workdir that has none
    continues: bool = False  # the same command goes on where it was stopped
    distributes: bool = False  # several processes can share its work


def part_of(command: Command) -> ConfigDict:
    """Returns the config under which this process does its part, where there are several."""
    if not command.distributed:
        return command.config
    if command.config.data.part:
        raise UserError("config.data.part: with --distributed every process knows its part")
    here = joining.place()
    config = command.config.copy_and_resolve_references()
    config.data.part = f"{here.index + 1}/{here.count}"
    return config


def check_trained(command: Command) -> None:
    """Raises UserError where the config has another model than the workdir."""
    workdirs.evaluation_folder(command.workdir, command.config)
    keep_compiled(command.config)


def keep_compiled(config: ConfigDict) -> None:
    """Keeps compiled programs where a config keeps its data."""
    from jaxvid.data import loading
    from jaxvid.runtime.devices import keep_compiled

    keep_compiled(loading.cache_folder(config.data) / "compiled")
