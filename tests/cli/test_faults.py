"""Whatever kills a run, running the same command again ends where it would have ended."""

import signal
from pathlib import Path

import jax
import numpy as np
import pytest
from command_line import Run

from jaxvid.workdir import checkpoints


@pytest.fixture
def run(tiny_file):
    """Makes the run of a workdir: sixty steps, a checkpoint every third."""

    def make(workdir: Path) -> Run:
        return Run(
            tiny_file, workdir, "--config.train.epochs=10.0", "--config.checkpoint.every=0.5"
        )

    return make


def test_killed_five_times_ends_bit_for_bit_the_same(run, tmp_path):
    whole, killed = run(tmp_path / "whole"), run(tmp_path / "killed")
    whole.finish()
    moments = [
        killed.workdir.is_dir,  # before the first step
        killed.saving(6),  # during a checkpoint
        killed.reached(16),
        killed.saving(27),
        killed.reached(41),
    ]
    for moment in moments:
        process = killed.start()
        killed.await_moment(process, moment)
        process.send_signal(signal.SIGKILL)
        killed.end(process, -signal.SIGKILL)
    assert "continues after step" in killed.finish()
    assert killed.losses() == whole.losses()
    assert len(whole.losses()) == 60
    jax.tree.map(np.testing.assert_array_equal, killed.parameters(), whole.parameters())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_asked_to_stop_it_saves_and_leaves(run, tmp_path, number):
    asked = run(tmp_path / "run")
    process = asked.start()
    asked.await_moment(process, asked.reached(4))
    process.send_signal(number)
    assert "stopped and saved" in asked.end(process, 128 + number)
    # The step that was running is finished, saved, and the last in the log.
    assert checkpoints.steps(asked.workdir / "checkpoints")[-1] == max(asked.losses()) >= 4
