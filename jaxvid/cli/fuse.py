"""Mode fuse: the averaged scores of several runs, as a run of their own."""

from pathlib import Path

from jaxvid.cli import evaluate, report
from jaxvid.cli.command import Command
from jaxvid.evaluation.late_fusion import fuse
from jaxvid.runtime.signals import Signals


def run(command: Command, signals: Signals) -> int:
    """Averages the scores of evaluated runs, prints the results and reports."""
    evaluate.show(fuse([Path(a) for a in command.arguments], command.workdir), command.workdir)
    report.add(command, None, command.workdir, report.FUSION)
    return 0
