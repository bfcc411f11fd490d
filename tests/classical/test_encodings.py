import numpy as np
import pytest

from jaxvid.classical.encodings import ENCODINGS, VLAD, BoF, FisherVector

K, D = 3, 4
CENTRES = np.random.default_rng(0).normal(size=(K, D)).astype(np.float32)


@pytest.fixture
def descriptors() -> np.ndarray:
    return np.random.default_rng(1).normal(size=(20, D)).astype(np.float32)


@pytest.fixture
def fisher() -> FisherVector:
    """A mixture of three Gaussians with unlike weights and variances."""
    rng = np.random.default_rng(2)
    variances = rng.uniform(0.5, 2.0, (K, D)).astype(np.float32)
    return FisherVector(np.array([0.2, 0.3, 0.5], np.float32), CENTRES, variances)


def nearest(x: np.ndarray) -> int:
    return min(range(K), key=lambda k: float(((x - CENTRES[k]) ** 2).sum()))


def unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.sqrt((vector**2).sum())


def log_likelihood(descriptors, logits, means, deviations) -> float:
    """Of a mixture whose weights are the softmax of `logits`."""
    weights = np.exp(logits) / np.exp(logits).sum()
    total = 0.0
    for x in np.float64(descriptors):
        density = 0.0
        for k in range(K):
            exponent = -(((x - means[k]) / deviations[k]) ** 2).sum() / 2
            density += weights[k] * np.exp(exponent) / np.prod(deviations[k] * np.sqrt(2 * np.pi))
        total += np.log(density)
    return total


def test_bof_counts_the_nearest_centres(descriptors):
    expected = np.zeros(K)
    for x in descriptors:
        expected[nearest(x)] += 1
    np.testing.assert_allclose(BoF(CENTRES).encode(descriptors), unit(expected), rtol=1e-6)


def test_vlad_sums_the_residuals(descriptors):
    sums = np.zeros((K, D))
    for x in descriptors:
        for j in range(D):
            sums[nearest(x), j] += x[j] - CENTRES[nearest(x), j]
    expected = unit(np.stack([unit(row) for row in sums]).ravel())
    np.testing.assert_allclose(VLAD(CENTRES).encode(descriptors), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", ENCODINGS)
def test_norms_as_printed(name, descriptors, fisher):
    encoding = fisher if name == "fv" else ENCODINGS[name](CENTRES)
    printed, whole = encoding.encode(descriptors, "none"), encoding.encode(descriptors, "whole")
    if name == "fv":
        expected = fisher.gradients(descriptors)
    elif name == "bof":
        expected = np.bincount([nearest(x) for x in descriptors], minlength=K)
    else:
        sums = np.zeros((K, D))
        for x in descriptors:
            sums[nearest(x)] += x - CENTRES[nearest(x)]
        expected = sums.ravel()
    np.testing.assert_allclose(printed, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(whole, unit(expected), rtol=1e-4, atol=1e-5)


def test_fisher_vector_is_the_formula(descriptors, fisher):
    w, mu, sigma = (np.float64(a) for a in (fisher.weights, fisher.means, fisher.variances**0.5))
    of_weights, of_means, of_deviations = np.zeros(K), np.zeros((K, D)), np.zeros((K, D))
    for x in descriptors:
        density = [
            w[k] * np.prod(np.exp(-(((x - mu[k]) / sigma[k]) ** 2) / 2) / sigma[k])
            for k in range(K)
        ]
        for k in range(K):
            share = density[k] / sum(density)
            of_weights[k] += (share - w[k]) / np.sqrt(w[k])
            for j in range(D):
                distance = (x[j] - mu[k, j]) / sigma[k, j]
                of_means[k, j] += share * distance / np.sqrt(w[k])
                of_deviations[k, j] += share * (distance**2 - 1) / np.sqrt(2 * w[k])
    gradients = np.concatenate([of_weights, of_means.ravel(), of_deviations.ravel()])
    gradients /= len(descriptors)
    np.testing.assert_allclose(fisher.gradients(descriptors), gradients, rtol=1e-4, atol=1e-5)
    expected = unit(np.sign(gradients) * np.sqrt(np.abs(gradients)))
    np.testing.assert_allclose(fisher.encode(descriptors), expected, atol=1e-3)


def test_fisher_vector_is_the_gradient_of_the_log_likelihood(descriptors, fisher):
    weights, means = np.float64(fisher.weights), np.float64(fisher.means)
    deviations = np.sqrt(np.float64(fisher.variances))
    at = [np.log(weights), means, deviations]
    wide = np.repeat(weights, D).reshape(K, D)
    # The diagonal of the Fisher information of one descriptor.
    information = [weights, wide / deviations**2, 2 * wide / deviations**2]
    numerical = []
    for which, diagonal in enumerate(information):
        for place in np.ndindex(at[which].shape):
            values = []
            for step in (1e-5, -1e-5):
                moved = [array.copy() for array in at]
                moved[which][place] += step
                values.append(log_likelihood(descriptors, *moved))
            slope = (values[0] - values[1]) / 2e-5 / len(descriptors)
            numerical.append(slope / np.sqrt(diagonal[place]))
    np.testing.assert_allclose(fisher.gradients(descriptors), numerical, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("name", ENCODINGS)
class TestEveryEncoding:
    def fit(self, name, seed=0):
        descriptors = np.random.default_rng(3).uniform(size=(300, D)).astype(np.float32)
        return ENCODINGS[name].fit(descriptors, 5, seed)

    def test_has_one_width_and_norm_and_no_order(self, name, descriptors):
        encoding = self.fit(name)
        encoded = encoding.encode(descriptors)
        assert encoded.shape == ({"bof": 5, "vlad": 5 * D, "fv": 5 + 10 * D}[name],)
        assert encoded.dtype == np.float32
        assert np.linalg.norm(encoded) == pytest.approx(1, abs=1e-5)
        shuffled = np.random.default_rng(4).permutation(descriptors)
        np.testing.assert_allclose(encoding.encode(shuffled), encoded, atol=1e-4)

    def test_of_no_descriptors_is_zero(self, name, descriptors):
        encoding = self.fit(name)
        nothing = encoding.encode(descriptors[:0])
        np.testing.assert_array_equal(nothing, np.zeros_like(encoding.encode(descriptors)))

    def test_follows_from_the_seed_and_is_rebuilt_from_its_arrays(self, name, descriptors):
        first, again, other = self.fit(name), self.fit(name), self.fit(name, seed=1)
        rebuilt = ENCODINGS[name](**first.arrays)
        for same in (again, rebuilt):
            np.testing.assert_array_equal(same.encode(descriptors), first.encode(descriptors))
        assert not np.array_equal(other.encode(descriptors), first.encode(descriptors))

    def test_needs_different_descriptors(self, name, descriptors):
        with pytest.raises(ValueError, match="1 different descriptors are too few for 2"):
            ENCODINGS[name].fit(np.repeat(descriptors[:1], 9, axis=0), 2, 0)
