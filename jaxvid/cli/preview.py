"""Mode preview: the first training clips as the model sees them."""

from jaxvid.cli.command import Command
from jaxvid.report.preview import preview
from jaxvid.runtime.signals import Signals
from jaxvid.workdir import layout as workdirs


def run(command: Command, signals: Signals) -> int:
    """Draws the clips to preview.png of the workdir."""
    workdirs.check(command.workdir, command.config)
    path = command.workdir / "preview.png"
    print(*preview(command.config, path), sep="\n")
    print(f"the first training clips are shown in {path}")
    return 0
