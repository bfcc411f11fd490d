"""The schedule of a run against numbers worked out by hand."""

import numpy as np
import pytest

from jaxvid import config as configs
from jaxvid.training.schedule import Schedule


def schedule(clips, **fields):
    train = configs.default().train
    train.update({"warmup_epochs": 0.0, "freeze_backbone_epochs": 0.0, **fields})
    return Schedule.of(train, clips)


def test_steps_and_epochs_of_a_batch_that_does_not_divide_the_clips():
    # 30 clips in batches of 8: 3.75 steps to an epoch; 2.5 epochs of them are 9.375 steps.
    run = schedule(30, batch_size=8, epochs=2.5, freeze_backbone_epochs=1.0)
    assert (run.steps, run.steps_per_epoch, run.frozen_steps) == (9, 3.75, 4)
    assert run.epoch(3) == 0.8
    assert schedule(3, batch_size=8, epochs=0.5).steps == 1
    assert schedule(30, batch_size=8, epochs=1.0, freeze_backbone_epochs=9.0).frozen_steps == 4


@pytest.mark.parametrize(
    "epochs, due", [(1.0, {4, 8, 9}), (0.5, {2, 4, 6, 8, 9}), (0.01, set(range(1, 10))), (0.0, {9})]
)
def test_a_period_in_epochs_is_a_whole_number_of_steps(epochs, due):
    run = schedule(30, batch_size=8, epochs=2.5)
    assert {step for step in range(1, 10) if run.is_due(step, epochs)} == due


def test_cosine_after_a_linear_warm_up():
    run = schedule(100, batch_size=10, epochs=10.0, learning_rate=2.0, warmup_epochs=1.0)
    assert run.learning_rate(0) == 0
    assert float(run.learning_rate(5)) == pytest.approx(1.0)
    for step in (10, 40, 99):
        expected = 1 + np.cos(np.pi * (step - 10) / 90)
        assert float(run.learning_rate(step)) == pytest.approx(expected, abs=1e-6)


def test_steps_are_counted_from_the_first_epoch():
    steps = {"schedule": "step", "step_epochs": (4.0, 6.0), "warmup_epochs": 1.0}
    run = schedule(100, batch_size=10, epochs=10.0, learning_rate=1.0, **steps)
    rates = [round(float(run.learning_rate(step)), 4) for step in (20, 39, 41, 59, 61)]
    assert rates == [1, 1, 0.1, 0.1, 0.01]


def test_constant_without_warm_up():
    run = schedule(10, batch_size=10, epochs=10.0, learning_rate=0.5, schedule="constant")
    assert float(run.learning_rate(0)) == 0.5
