"""Mode report: the figures of an evaluated run, and its page."""

import logging
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from jaxvid.cli.command import Command, keep_compiled, system
from jaxvid.errors import UserError
from jaxvid.runtime.signals import Signals
from jaxvid.workdir import layout as workdirs

logger = logging.getLogger(__name__)

FUSION = "a fusion has none of its own"


def run(command: Command, signals: Signals) -> int:
    """Draws the figures of an evaluated run, and writes its page."""
    from jaxvid.report import runs, writing

    config, folder = command.found_config, command.workdir
    others, chosen = [Path(a) for a in command.arguments], command.options["classes"]
    experiment, why = None, FUSION
    if config is not None:
        folder = workdirs.evaluation_folder(command.workdir, config)
    # Raises for what is wrong with the runs or the classes before any video is read.
    [first, *_] = runs.read_all(runs.read(command.workdir, folder, config), others)
    writing.classes_of(chosen, first.scored.class_names)
    if config is not None:
        keep_compiled(config)
        experiment, why = _experiment(config)
    written = writing.write(command.workdir, folder, config, experiment, others, chosen, why)
    print(*written.lacks.values(), *written.figures, sep="\n")
    print(f"the report is {written.page}")
    return 0


def add(command: Command, experiment: Any, output: Path, lacks: str = "") -> None:
    """Reports on an evaluation that has just ended; warns where that fails."""
    from jaxvid.report import writing

    # The results are written: whatever goes wrong with their figures must not look like a loss.
    try:
        written = writing.write(
            command.workdir, output, command.found_config, experiment, lacks_clips=lacks
        )
        print(f"the report is {written.page}")
    except Exception as error:  # of any kind
        logger.warning(
            "no report was written (%s: %s); --mode=report --workdir=%s tries again",
            type(error).__name__,
            error,
            command.workdir,
        )


def _experiment(config: ConfigDict) -> tuple[Any, str]:
    """Returns a run's experiment, or None and the reason why its dataset cannot be read."""
    open_experiment, _, _ = system(config)
    try:
        return open_experiment(config), ""
    except (UserError, OSError) as error:
        return None, str(error)
