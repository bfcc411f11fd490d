"""Encodings of a set of local descriptors as one vector: BoF, Fisher vector, VLAD (paper B, 3.1).

Each is fitted to descriptors (n, D) with K clusters and a seed, encodes descriptors (T, D) whose
order does not matter, gives zeros for none, and is rebuilt from its `arrays`.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Self

import numpy as np
from sklearn.cluster import KMeans

from jaxvid.training.cluster_init import fit_mixture

_ITERATIONS = 50  # of k-means and of the mixture at most; more change the result little


class Encoding(ABC):
    """A fitted encoding: a subclass is a dataclass whose fields are float32 arrays."""

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays to build the same encoding from: `type(encoding)(**encoding.arrays)`."""
        return dict(vars(self))

    @classmethod
    @abstractmethod
    def fit(cls, descriptors: np.ndarray, clusters: int, seed: int) -> Self:
        """Fits to descriptors (n, D). Raises ValueError for too few different ones."""

    @abstractmethod
    def encode(self, descriptors: np.ndarray, norm: str = "usual") -> np.ndarray:
        """Returns descriptors (T, D) as one vector (F,), float32 of L2 norm 1.

        `norm`: usual, as the class says; whole, the L2 norm alone (paper B, Algorithm 3); or none,
        as Algorithms 1 and 2 print, where the norm is not 1.
        """


@dataclass(frozen=True)
class _Centres(Encoding):
    centres: np.ndarray

    @classmethod
    def fit(cls, descriptors: np.ndarray, clusters: int, seed: int) -> Self:
        _check_distinct(descriptors, clusters)
        k_means = KMeans(clusters, n_init=1, max_iter=_ITERATIONS, random_state=seed)
        return cls(k_means.fit(descriptors).cluster_centers_.astype(np.float32))


@dataclass(frozen=True)
class BoF(_Centres):
    """Bag of features: how often each centre is the nearest one. Shape: centres (K, D).

    Source: paper B, Algorithm 1. The L2 norm of the histogram is ours.
    """

    def encode(self, descriptors: np.ndarray, norm: str = "usual") -> np.ndarray:
        """Returns the histogram of descriptors (T, D), (K,) float32 of L2 norm 1."""
        nearest = _nearest(descriptors, self.centres)
        counts = np.bincount(nearest, minlength=len(self.centres)).astype(np.float32)
        return _normalised(counts, norm)


@dataclass(frozen=True)
class VLAD(_Centres):
    """Sums of residuals to the nearest centres. Shape: centres (K, D).

    Source: paper B, Algorithm 3; usually, before its L2 norm, the part of every centre has one of
    its own (Arandjelović and Zisserman, CVPR 2013), so that no frequent visual word outweighs the
    others.
    """

    def encode(self, descriptors: np.ndarray, norm: str = "usual") -> np.ndarray:
        """Returns the normalised residuals of descriptors (T, D), (K D,) float32 of L2 norm 1."""
        nearest = _nearest(descriptors, self.centres)
        belongs = (nearest[:, None] == np.arange(len(self.centres))).astype(np.float32)
        sums = belongs.T @ descriptors - belongs.sum(axis=0)[:, None] * self.centres
        return _normalised((_unit(sums) if norm == "usual" else sums).ravel(), norm)


@dataclass(frozen=True)
class FisherVector(Encoding):
    """Gradients of a Gaussian mixture's log-likelihood, divided by the root of their information.

    Shapes: weights (K,), means (K, D), variances (K, D). Source: paper B, Algorithm 2, with the
    closed forms of Sánchez et al., IJCV 105(3), 2013, equations 16 to 18, where the weights are a
    softmax of free numbers, and usually their power and L2 normalisation.
    """

    weights: np.ndarray
    means: np.ndarray
    variances: np.ndarray

    @classmethod
    def fit(cls, descriptors: np.ndarray, clusters: int, seed: int) -> Self:
        """Fits a mixture with diagonal covariances by expectation maximisation from k-means."""
        _check_distinct(descriptors, clusters)
        mixture = fit_mixture(descriptors, clusters, seed, _ITERATIONS)
        fitted = (mixture.weights_, mixture.means_, mixture.covariances_)
        return cls(*(array.astype(np.float32) for array in fitted))

    def encode(self, descriptors: np.ndarray, norm: str = "usual") -> np.ndarray:
        """Returns the Fisher vector of descriptors (T, D), (K + 2 K D,) float32 of L2 norm 1.

        The gradients with respect to the weights come first, then the means, then the deviations.
        """
        gradients = self.gradients(descriptors)
        if norm == "usual":
            gradients = np.sign(gradients) * np.sqrt(np.abs(gradients))
        return _normalised(gradients, norm)

    def gradients(self, descriptors: np.ndarray) -> np.ndarray:
        """Returns the Fisher vector before its normalisation: the mean over the descriptors."""
        posterior = self._posterior(descriptors)
        # Of each Gaussian: the sums of the posterior, and of it times x and x².
        zeroth = posterior.sum(axis=0)[:, None]
        first, second = posterior.T @ descriptors, posterior.T @ descriptors**2
        roots = np.sqrt(self.weights)[:, None]
        of_weights = (zeroth - len(descriptors) * self.weights[:, None]) / roots
        of_means = (first - zeroth * self.means) / (roots * np.sqrt(self.variances))
        spread = second - 2 * first * self.means + zeroth * self.means**2
        of_deviations = (spread / self.variances - zeroth) / (roots * 2**0.5)
        parts = [part.ravel() for part in (of_weights, of_means, of_deviations)]
        return np.concatenate(parts) / max(1, len(descriptors))

    def _posterior(self, x: np.ndarray) -> np.ndarray:
        """Returns each Gaussian's share in each descriptor, (T, K)."""
        precisions = 1 / self.variances
        constant = 2 * np.log(self.weights) - np.log(self.variances).sum(axis=1)
        distances = x**2 @ precisions.T - 2 * x @ (self.means * precisions).T
        distances += (self.means**2 * precisions).sum(axis=1)
        logits = (constant - distances) / 2
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        return shares / shares.sum(axis=1, keepdims=True)


ENCODINGS: dict[str, type[Encoding]] = {"bof": BoF, "fv": FisherVector, "vlad": VLAD}


def _check_distinct(descriptors: np.ndarray, clusters: int) -> None:
    distinct = len(np.unique(descriptors, axis=0))
    if distinct < clusters:
        raise ValueError(f"{distinct} different descriptors are too few for {clusters} clusters")


def _nearest(descriptors: np.ndarray, centres: np.ndarray) -> np.ndarray:
    # ‖x‖² is left out: it is the same for every centre.
    return ((centres**2).sum(axis=1) - 2 * descriptors @ centres.T).argmin(axis=1)


def _normalised(vector: np.ndarray, norm: str) -> np.ndarray:
    return vector if norm == "none" else _unit(vector)


def _unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-12)
