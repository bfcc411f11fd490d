import jax
import numpy as np
import pytest

from jaxvid.training import losses


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropy_is_its_definition(smoothing):
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(5, 4)), np.array([0, 1, 2, 3, 1])
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    targets = np.full((5, 4), smoothing / 4)
    targets[np.arange(5), labels] += 1 - smoothing
    expected = -(targets * np.log(shares)).sum(1)
    np.testing.assert_allclose(losses.cross_entropy(logits, labels, smoothing), expected, rtol=1e-5)


def test_balancing_weights_are_their_formula():
    labels = np.array([0, 0, 0, 2, 0, 2, 3])
    weights = losses.balancing_weights(labels, 5)
    np.testing.assert_allclose(
        weights, [7 / (3 * 4), 0, 7 / (3 * 2), 0 + 7 / (3 * 1), 0], rtol=1e-6
    )
    assert weights[labels].mean() == pytest.approx(1)
    sums = [weights[labels[labels == k]].sum() for k in (0, 2, 3)]
    np.testing.assert_allclose(sums, 7 / 3, rtol=1e-6)


def test_center_loss_and_its_centres_by_hand():
    embeddings = np.array([[1.0, 0.0], [3.0, 2.0], [0.0, -2.0]])
    centers = np.array([[0.0, 0.0], [1.0, 1.0], [5.0, 5.0]])
    labels = np.array([0, 0, 1])
    distances = losses.center_loss(embeddings, labels, centers)
    np.testing.assert_allclose(distances, [0.5, 6.5, 5.0])
    # Class 0 moves by 0.5 * ((1, 0) + (3, 2)) / (1 + 2), class 1 by 0.5 * (-1, -3) / (1 + 1).
    moved = losses.move_centers(centers, embeddings, labels, rate=0.5)
    np.testing.assert_allclose(moved, [[4 / 6, 2 / 6], [0.75, 0.25], [5.0, 5.0]], rtol=1e-6)


def test_center_loss_pulls_embeddings_and_leaves_the_centres():
    def mean(embeddings, centers):
        return losses.center_loss(embeddings, np.array([1, 0]), centers).mean()

    embeddings, centers = np.float32([[1, 2], [3, 4]]), np.float32([[0, 1], [1, 1]])
    pull, push = jax.grad(mean, (0, 1))(embeddings, centers)
    np.testing.assert_allclose(pull, [[0, 0.5], [1.5, 1.5]])
    assert not push.any()
