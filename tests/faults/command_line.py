"""The command line in a process of its own, which tests may kill, cheat and take things from."""

import functools
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import forked
import jobs
from jobs import Job, Moment

from jaxvid.workdir import checkpoints

DEADLINE = 240.0  # seconds; only a hang meets it
# Gives up root's right to write anywhere, then runs what follows.
OBEYING = """
import ctypes, os, sys
PR_CAPBSET_DROP, CAP_DAC_OVERRIDE = 24, 1
if ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0):
    sys.exit("the capability cannot be dropped")
os.execv(sys.argv[1], sys.argv[1:])
"""
# Starts a process that files' modes bind even where it is root's.
obeying = functools.partial(
    jobs.start, before=[sys.executable, "-c", OBEYING] if os.geteuid() == 0 else []
)


class Run(Job):
    """The command line in one process, with a backbone that starts soon and has dropout.

    `compiled`: the folder for compiled programs. `given`: more arguments. One epoch is six steps.
    """

    def __init__(self, config_file: Path, workdir: Path, compiled: Path, *given: str):
        arguments = [
            *(f"--config={config_file}", f"--workdir={workdir}"),
            *("--config.train.eval_every=0.0", "--config.train.batch_size=2"),
            *("--config.model.backbone=c3d", "--config.model.width=0.03125"),
            *("--config.model.encoder=none", *given),
        ]
        super().__init__(arguments, workdir, environment={"COMPILED": str(compiled)})

    def begin(self, *given: str, starts: Callable[..., Any] = forked.start, **environment: str):
        """Returns its process, which `starts` starts, with more arguments and an environment."""
        together = Job([*self.arguments, *given], self.workdir, starts=starts)
        together.environment = self.environment | environment
        [process] = together.start().processes
        return process

    def finish(self, *given: str, status: int = 0, **how: Any) -> str:
        """Runs to the end, which is to be of this status; returns what was printed."""
        return self.end(self.begin(*given, **how), status)

    def end(self, process: Any, status: int) -> str:
        try:
            ended = process.wait(DEADLINE)
        finally:
            process.kill()
        assert ended == status, self.printed
        assert "Traceback" not in self.printed
        return self.printed

    def await_moment(self, process: Any, moment: Moment) -> None:
        deadline = time.monotonic() + DEADLINE
        while not moment():
            assert process.poll() is None, self.printed
            assert time.monotonic() < deadline
            time.sleep(0.002)

    def saved(self) -> bool:
        return bool(checkpoints.steps(self.workdir / "checkpoints"))

    def parameters(self) -> dict:
        return checkpoints.restore_any(self.workdir / "checkpoints", "variables")[1]
