"""The command line in a process of its own, which tests may kill, cheat and take things from."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from jobs import PROGRAM, Watched

from jaxvid.config import files as config_files
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


class Run(Watched):
    """The command line on a config, with a backbone that starts soon and has dropout.

    `given`: more arguments. One epoch is six steps.
    """

    def __init__(self, config_file: Path, workdir: Path, *given: str):
        self.workdir = workdir
        cache = config_files.read(config_file.with_suffix(".json")).data.cache
        self.environment = {
            "COMPILED": str(Path(cache, "compiled")),
            # Programs are quick to compile, and do not crawl as those of level 0 do.
            "XLA_FLAGS": "--xla_backend_optimization_level=1",
            "JAX_PLATFORMS": "cpu",
        }
        self.command = [
            *(sys.executable, "-c", PROGRAM),
            *(f"--config={config_file}", f"--workdir={workdir}"),
            *("--config.train.eval_every=0.0", "--config.train.batch_size=2"),
            *("--config.model.backbone=c3d", "--config.model.width=0.03125"),
            *given,
        ]

    def start(
        self, *given: str, obeys: bool = False, environment: dict[str, str] | None = None
    ) -> subprocess.Popen:
        """`obeys`: files' modes bind the process even where it is root's."""
        command = [*self.command, *given]
        if obeys and os.geteuid() == 0:
            command = [sys.executable, "-c", OBEYING, *command]
        return subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=os.environ | self.environment | (environment or {}),
        )

    def finish(self, *given: str, status: int = 0, **how) -> str:
        """Runs to the end, which is to be of this status; returns what was printed."""
        process = self.start(*given, **how)
        return self.end(process, status)

    def end(self, process: subprocess.Popen, status: int) -> str:
        printed, _ = process.communicate(timeout=DEADLINE)
        assert process.returncode == status, printed
        assert "Traceback" not in printed
        return printed

    def await_moment(self, process: subprocess.Popen, moment: Callable[[], bool]) -> None:
        deadline = time.monotonic() + DEADLINE
        while not moment():
            assert process.poll() is None, process.communicate()[0]
            assert time.monotonic() < deadline
            time.sleep(0.002)

    def saved(self) -> bool:
        return bool(checkpoints.steps(self.workdir / "checkpoints"))

    def parameters(self) -> dict:
        return checkpoints.restore_any(self.workdir / "checkpoints", "variables")[1]
