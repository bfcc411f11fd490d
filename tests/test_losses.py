import numpy as np
import pytest

from jaxvid import losses


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropy_is_its_definition(smoothing):
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(5, 4)), np.array([0, 1, 2, 3, 1])
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    targets = np.full((5, 4), smoothing / 4)
    targets[np.arange(5), labels] += 1 - smoothing
    expected = -(targets * np.log(shares)).sum(1)
    np.testing.assert_allclose(losses.cross_entropy(logits, labels, smoothing), expected, rtol=1e-5)
