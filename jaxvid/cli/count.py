"""Mode count: the parameters and FLOPs of a network."""

from jaxvid.cli.command import Command
from jaxvid.experiment import flops
from jaxvid.runtime.signals import Signals


def run(command: Command, signals: Signals) -> int:
    """Prints the size and the work of a config's network."""
    counts = flops.describe(command.config, command.workdir, command.options["num_classes"])
    for name, value in counts.items():
        print(f"{name:30} {value}")
    return 0
