"""What a command line asks for, and what a mode is."""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from jaxvid.config import checks
from jaxvid.errors import UserError
from jaxvid.runtime import joining, progress
from jaxvid.runtime.signals import Signals
from jaxvid.workdir import layout as workdirs

# Names that flags had, for command lines of earlier versions.
RENAMED_FLAGS = {"likeness": "similarity"}


@dataclass(frozen=True)
class Command:
    """What a command line asks for.

    `found_config`: None where a mode takes none, or does without. `arguments`: those that are no
    flags, after RUN or CONFIG. `options`: the values of the mode's own flags, by name.
    `distributed`: this is one of several processes.
    """

    mode: str
    found_config: ConfigDict | None
    workdir: Path
    arguments: list[str]
    options: dict[str, Any]
    distributed: bool = False

    @property
    def config(self) -> ConfigDict:
        """The config of a mode that requires one."""
        assert self.found_config is not None
        return self.found_config


@dataclass(frozen=True)
class Mode:
    """A mode. Its file in jaxvid/cli has `run(command, signals)`, which returns the exit status."""

    does: str
    arguments: str  # as in the usage: RUN, CONFIG or OUT, then any others
    module: str = ""  # the name of its file, where that is not the mode's
    flags: Mapping[str, str] = field(default_factory=dict)  # its own, each with its meaning
    examples: tuple[str, ...] = ()
    suffix: str = ""  # of its default workdir
    needs_config: bool = True  # also in a workdir that has none
    continues: bool = False  # the same command goes on where it was stopped
    distributes: bool = False  # several processes can share its work

    def run(self, command: Command, signals: Signals) -> int:
        """Runs the mode; returns the exit status."""
        if self.arguments.startswith("RUN"):
            progress.announce("loading the model")
        if command.found_config is not None and command.found_config.model.skeleton == "auto":
            _find_skeleton(command.found_config)
        module = importlib.import_module(f"jaxvid.cli.{self.module or command.mode}")
        status: int = module.run(command, signals)
        return status


def _find_skeleton(config: ConfigDict) -> None:
    """Names the skeleton of a config's dataset, as runs keep it. Raises UserError."""
    from jaxvid.data import loading

    if config.data.modality == "skeleton":
        config.model.skeleton = loading.skeleton_of(config.data)
        checks.check(config)


def part_of(command: Command) -> ConfigDict:
    """Returns the config under which this process does its part, where there are several."""
    config = command.config
    if not command.distributed:
        return config
    if config.data.part:
        raise UserError("config.data.part: with --distributed every process has its own part")
    here = joining.place()
    config = config.copy_and_resolve_references()
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
    progress.announce_compiling()


def system(config: ConfigDict) -> tuple[Callable[..., Any], type, Callable[..., Any]]:
    """Returns how the experiment of a config's system is opened, its trainer, its evaluation."""
    if config.model.system == "sift":
        from jaxvid.classical.evaluate import evaluate as evaluate_sift
        from jaxvid.classical.experiment import open_experiment as open_sift
        from jaxvid.classical.train import Trainer as SiftTrainer

        return open_sift, SiftTrainer, evaluate_sift
    from jaxvid.evaluation.evaluate import evaluate
    from jaxvid.experiment.experiment import open_experiment
    from jaxvid.training.trainer import Trainer

    return open_experiment, Trainer, evaluate
