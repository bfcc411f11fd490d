"""Mode convert: a run made of published weights."""

from jaxvid import pretrained
from jaxvid.cli.command import Command
from jaxvid.experiment.conversion import convert
from jaxvid.runtime.signals import Signals


def run(command: Command, signals: Signals) -> int:
    """Makes the run, and prints where each part of its weights comes from."""
    loaded = convert(command.config, command.workdir, command.options["class_names"])
    print(pretrained.describe(loaded, command.config))
    print(f"the model is in {command.workdir}, for --mode=predict and --mode=eval")
    return 0
