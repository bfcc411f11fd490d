"""What a command line says, and what a mode is."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from jaxvid.runtime.signals import Signals


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
