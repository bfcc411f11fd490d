import math

import numpy as np
import pytest

from jaxvid.evaluation import metrics


def by_hand(probabilities, labels):
    """Macro scores and AUC from their definitions, by counting."""
    predicted = probabilities.argmax(1)
    precisions, recalls, f1s, aucs = [], [], [], []
    for k in range(probabilities.shape[1]):
        hits = np.sum((predicted == k) & (labels == k))
        precision = hits / max(1, np.sum(predicted == k))
        recall = hits / max(1, np.sum(labels == k))
        precisions.append(precision)
        recalls.append(recall)
        f1s.append(2 * precision * recall / max(1e-12, precision + recall))
        inside, outside = probabilities[labels == k, k], probabilities[labels != k, k]
        pairs = inside[:, None] - outside[None]
        aucs.append(np.mean((pairs > 0) + 0.5 * (pairs == 0)))
    return {
        "accuracy": np.mean(predicted == labels),
        "precision": np.mean(precisions),
        "recall": np.mean(recalls),
        "f1": np.mean(f1s),
        "auc": np.mean(aucs),
    }


def test_summary_agrees_with_the_definitions():
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.arange(60) % 4)
    probabilities = rng.dirichlet(np.ones(4), 60)
    probabilities[np.arange(60), labels] += 0.2
    expected = by_hand(probabilities, labels)
    assert metrics.summary(probabilities, labels) == pytest.approx(expected)


def test_classes_without_clips_do_not_spoil_the_auc():
    probabilities = np.array([[0.7, 0.2, 0.1], [0.4, 0.5, 0.1], [0.6, 0.3, 0.1]])
    assert metrics.auc(probabilities, np.array([0, 1, 0])) == 1.0


def test_auc_of_one_class_is_undefined():
    assert metrics.auc(np.array([[0.9, 0.1]]), np.array([0])) is None


def test_per_class_counts():
    probabilities = np.eye(3)[[0, 0, 1, 0]]
    rows = metrics.per_class(probabilities, np.array([0, 0, 1, 1]))
    assert [row["clips"] for row in rows] == [2, 2, 0]
    assert [row["recall"] for row in rows] == [1.0, 0.5, 0.0]
    assert math.isclose(rows[0]["precision"], 2 / 3)


@pytest.mark.parametrize(("correct", "clips"), [(0, 9), (7, 10), (412, 420), (30, 30)])
def test_an_accuracy_lies_at_the_edge_of_what_each_end_of_its_interval_allows(correct, clips):
    share = correct / clips
    low, high = metrics.interval(correct, clips)
    assert 0 <= low <= share <= high <= 1
    for end in (low, high):
        deviation = math.sqrt(end * (1 - end) / clips)
        if 0 < end < 1:
            assert abs(share - end) / deviation == pytest.approx(1.96, abs=1e-3)
