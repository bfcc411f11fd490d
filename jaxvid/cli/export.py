"""Mode export: a workdir's network as a program that runs without this package."""

from pathlib import Path

from jaxvid.cli.command import Command, check_trained
from jaxvid.errors import UserError
from jaxvid.inference import export
from jaxvid.runtime.signals import Signals


def run(command: Command, signals: Signals) -> int:
    """Writes the network to the new folder `output`. Raises UserError for invalid input."""
    check_trained(command)
    if not command.options["output"]:
        raise UserError("--mode=export writes to --output=FOLDER")
    folder = Path(command.options["output"])
    step = export.write(command.config, command.workdir, folder)
    print(f"the network of {command.workdir}, step {step}, is in {folder}")
    print(f"python {folder / export.EXAMPLE} VIDEO runs it")
    return 0
