"""Whatever kills a run, running the same command again ends where it would have ended.

`tests/benchmarks/kill.py` does it at as many moments as wanted.
"""

import signal

import jax
import numpy as np
import pytest

from jaxvid.workdir import checkpoints


def test_killed_three_times_ends_bit_for_bit_the_same(run, whole):
    killed = run("killed")
    moments = [
        killed.workdir.is_dir,  # before the first step
        killed.saving(6),  # during a checkpoint
        killed.reached(11),
    ]
    for moment in moments:
        process = killed.begin()
        killed.await_moment(process, moment)
        process.send_signal(signal.SIGKILL)
        killed.end(process, -signal.SIGKILL)
    assert "continues after step" in killed.finish()
    assert killed.losses() == whole.losses()
    jax.tree.map(np.testing.assert_array_equal, killed.parameters(), whole.parameters())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_asked_to_stop_it_saves_and_leaves(run, number):
    asked = run("run")
    process = asked.begin()
    asked.await_moment(process, asked.reached(4))
    process.send_signal(number)
    assert "stopped and saved" in asked.end(process, 128 + number)
    # The step that was running is finished, saved, and the last in the log.
    assert checkpoints.steps(asked.workdir / "checkpoints")[-1] == max(asked.losses()) >= 4
