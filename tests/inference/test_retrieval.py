import numpy as np
import pytest

from jaxvid.inference import retrieval
from jaxvid.inference.retrieval import Index

pytestmark = pytest.mark.usefixtures("shallow")


def by_hand(vectors, labels, k):
    """Recall and mean average precision, one video after the other."""
    hits, precisions = [], []
    for i in range(len(vectors)):
        others = [j for j in range(len(vectors)) if j != i]
        others.sort(key=lambda j: -float(vectors[i] @ vectors[j]))
        right = [labels[j] == labels[i] for j in others]
        if not any(right):
            continue
        hits.append(any(right[:k]))
        at = [sum(right[: rank + 1]) / (rank + 1) for rank in range(len(right)) if right[rank]]
        precisions.append(sum(at) / len(at))
    return sum(hits) / len(hits), sum(precisions) / len(precisions), len(hits)


@pytest.mark.parametrize("block", [7, 512])
def test_recall_and_precision_are_those_of_the_definition(block, monkeypatch):
    monkeypatch.setattr(retrieval, "BLOCK", block)
    rng = np.random.default_rng(0)
    labels = np.array([*rng.integers(0, 5, 40), 9])  # nobody else has the last one
    vectors = retrieval.unit(rng.normal(size=(41, 6)) + np.eye(10, 6)[labels])
    results = retrieval.evaluate(vectors, labels, ks=(1, 3))
    for k in (1, 3):
        recall, precision, queries = by_hand(vectors, labels, k)
        assert results[f"recall_at_{k}"] == pytest.approx(recall)
        assert (results["map"], results["queries"]) == (pytest.approx(precision), queries)
    assert 0.1 < results["recall_at_1"] < results["recall_at_3"] < 1


def test_neighbours_and_groups_are_by_cosine():
    angles = np.radians([0, 3, 6, 90, 93, 200])
    index = Index(tuple("abcdef"), np.stack([np.cos(angles), np.sin(angles)], axis=1))
    numbers, similarities = index.search(2 * index.vectors[4:5], top=2)
    assert numbers.tolist() == [[4, 3]]
    np.testing.assert_allclose(similarities, [[1, np.cos(np.radians(3))]], atol=1e-12)
    # a and c are linked by b.
    assert index.duplicates(np.cos(np.radians(4))) == [[0, 1, 2], [3, 4]]
    assert index.duplicates(0.99999) == []


@pytest.mark.parametrize("size", [64, 1024])
def test_exact_copies_are_grouped_at_a_similarity_of_one(size):
    drawn = np.random.default_rng(0).normal(size=(200, size)).astype(np.float32)
    index = Index(("",) * 400, np.tile(retrieval.unit(drawn), (2, 1)))
    assert index.duplicates(1.0) == [[i, 200 + i] for i in range(200)]


def test_a_videos_vector_is_the_mean_direction_of_its_windows():
    windows = np.array([[3.0, 0.0], [0.0, 10.0]])
    np.testing.assert_allclose(retrieval.vector(windows), [0.5**0.5, 0.5**0.5])
    assert not retrieval.vector(np.zeros((2, 2))).any()
