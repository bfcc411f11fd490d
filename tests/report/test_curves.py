import numpy as np
import pytest

from jaxvid.report import curves


def test_areas_are_the_chance_that_a_clip_of_the_class_scores_higher():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 60)
    probabilities = rng.dirichlet(np.ones(4), 60).round(1)  # with ties
    rocs = curves.class_rocs(probabilities, labels)
    assert sorted(rocs) == [0, 1, 2]  # the fourth has no clips
    for k, (rates, corners, area) in rocs.items():
        of, rest = probabilities[labels == k, k], probabilities[labels != k, k]
        wins = (of[:, None] > rest).mean() + (of[:, None] == rest).mean() / 2
        assert area == pytest.approx(wins)
        assert corners[0].tolist() == [0, 0]
        assert corners[-1].tolist() == [1, 1]
        assert len(rates) == len(curves.GRID)


def test_clips_of_one_class_have_no_roc():
    probabilities = np.full((4, 2), 0.5)
    assert curves.class_rocs(probabilities, np.zeros(4, int)) == {}


def test_what_was_measured_is_read_from_the_lines():
    lines = [
        {"step": 1, "epoch": 0.5, "loss": 3.0},
        {"step": 2, "epoch": 1.0, "test_loss": 2.0, "test_accuracy": 0.5},
        {"step": 3, "loss": 1.0},  # of an earlier version, without its epoch
    ]
    epochs, values = curves.measured(lines, "loss")
    assert (epochs.tolist(), values.tolist()) == ([0.5], [3.0])
    assert curves.evaluated_splits(lines) == ["test"]
    both = [*lines, {"step": 4, "epoch": 2.0, "val_loss": 1.5, "val_accuracy": 0.7}]
    assert curves.evaluated_splits(both) == ["test", "val"]
    assert curves.measured(both, "val_accuracy")[1].tolist() == [0.7]
    assert [len(part) for part in curves.measured(lines, "nothing")] == [0, 0]


def test_the_loss_is_the_cross_entropy_beside_a_center_loss():
    lines = [{"epoch": 1.0, "loss": 3.0, "cross_entropy": 2.0, "center_loss": 10.0}]
    assert curves.measured(lines, "loss")[1].tolist() == [2.0]


def test_the_running_mean_is_one_of_as_many_values_as_there_are():
    values = np.arange(100.0)
    smoothed = curves.smooth(values)
    assert smoothed[50] == values[48:52].mean()  # a 25th of them: four
    assert smoothed[0] == values[:2].mean()
    assert curves.smooth(np.array([1.0, 5.0])).tolist() == [1.0, 5.0]
