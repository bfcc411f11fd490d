import numpy as np
import pytest

from jaxvid.classical.svm import LinearSVM


def blobs(*labels: int) -> tuple[np.ndarray, np.ndarray]:
    """Twenty points of each label around a corner of its own."""
    rng = np.random.default_rng(0)
    points = [np.eye(4)[label] + 0.05 * rng.normal(size=(20, 4)) for label in labels]
    return np.concatenate(points).astype(np.float32), np.repeat(labels, 20)


@pytest.mark.parametrize("labels", [(0, 1, 2), (0, 1), (1, 2), (2,)])
def test_every_class_is_told_and_an_absent_one_never_said(labels):
    points, truth = blobs(*labels)
    svm = LinearSVM.fit(points, truth, 3, regularisation=10.0, seed=0)
    assert (svm.weights.shape, svm.biases.shape) == ((3, 4), (3,))
    probabilities = svm.probabilities(points)
    np.testing.assert_allclose(probabilities.sum(1), 1, rtol=1e-5)
    np.testing.assert_array_equal(probabilities.argmax(1), truth)
    margins = svm.margins(points)
    for label in range(3):
        assert (margins[truth == label, label] > 0).all()
        assert (margins[truth != label, label] < 0).all()
    shares = np.exp(margins) / np.exp(margins).sum(1, keepdims=True)
    np.testing.assert_allclose(probabilities, shares, rtol=1e-5)
