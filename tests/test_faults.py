"""Whatever kills a run, running the same command again ends where it would have ended."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np
import pytest

from jaxvid import checkpoints, config_files
from jaxvid import experiment as experiments
from jaxvid.evaluate import restore
from jaxvid.logs import read_metrics

DEADLINE = 240.0  # seconds; only a hang meets it


class Run:
    """The command line on a config, in a process of its own."""

    def __init__(self, config_file: Path, workdir: Path):
        self.workdir = workdir
        self.command = [
            *(sys.executable, "-m", "jaxvid.main"),
            *(f"--config={config_file}", f"--workdir={workdir}"),
            *("--config.train.epochs=40.0", "--config.train.eval_every=0.0"),
            "--config.checkpoint.every=2.0",  # sixty steps, a checkpoint every third
            "--config.model.backbone=c3d",  # starts sooner than the others, and has dropout
        ]

    def start(self) -> subprocess.Popen:
        quick = "--xla_backend_optimization_level=0"  # to compile
        environment = os.environ | {"XLA_FLAGS": quick, "JAX_PLATFORMS": "cpu"}
        pipe = subprocess.PIPE
        return subprocess.Popen(
            self.command, stdout=pipe, stderr=subprocess.STDOUT, text=True, env=environment
        )

    def finish(self) -> str:
        process = self.start()
        printed, _ = process.communicate(timeout=DEADLINE)
        assert process.returncode == 0, printed
        return printed

    def strike(self, number: int, moment: Callable[[], bool]) -> tuple[int, str]:
        """Sends a signal at a moment; returns the exit status and what was printed."""
        process = self.start()
        deadline = time.monotonic() + DEADLINE
        while not moment():
            assert process.poll() is None, process.communicate()[0]
            assert time.monotonic() < deadline
            time.sleep(0.002)
        process.send_signal(number)
        printed, _ = process.communicate(timeout=DEADLINE)
        return process.returncode, printed

    def reached(self, step: int) -> Callable[[], bool]:
        return lambda: any(line["step"] >= step for line in read_metrics(self.workdir))

    def saving(self, step: int) -> Callable[[], bool]:
        """True while a checkpoint of at least this step is half written."""

        def moment() -> bool:
            folder = self.workdir / "checkpoints"
            halves = folder.glob("*.orbax-checkpoint-tmp*") if folder.is_dir() else ()
            return any(int(half.name.split(".")[0]) >= step for half in halves)

        return moment

    def parameters(self) -> dict:
        experiment = experiments.open_experiment(config_files.read(self.workdir / "config.json"))
        return restore(experiment, self.workdir)[1]

    def losses(self) -> dict[int, float]:
        lines = read_metrics(self.workdir)
        return {line["step"]: line["loss"] for line in lines if "loss" in line}


def test_killed_five_times_ends_bit_for_bit_the_same(tiny_file, tmp_path):
    whole, killed = Run(tiny_file, tmp_path / "whole"), Run(tiny_file, tmp_path / "killed")
    whole.finish()
    moments = [
        killed.workdir.is_dir,  # before the first step
        killed.saving(6),  # during a checkpoint
        killed.reached(16),
        killed.saving(27),
        killed.reached(41),
    ]
    for moment in moments:
        status, printed = killed.strike(signal.SIGKILL, moment)
        assert status == -signal.SIGKILL, printed
    assert "continues after step" in killed.finish()
    assert killed.losses() == whole.losses()
    assert len(whole.losses()) == 60
    jax.tree.map(np.testing.assert_array_equal, killed.parameters(), whole.parameters())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_asked_to_stop_it_saves_and_leaves(tiny_file, tmp_path, number):
    run = Run(tiny_file, tmp_path / "run")
    status, printed = run.strike(number, run.reached(4))
    assert status == 128 + number, printed
    assert "stopped and saved" in printed
    assert "Traceback" not in printed
    # The step that was running is finished, saved, and the last in the log.
    assert checkpoints.steps(run.workdir / "checkpoints")[-1] == max(run.losses()) >= 4
