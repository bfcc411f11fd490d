"""One linear SVM for each class against the others, on encodings."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from sklearn.svm import LinearSVC


@dataclass(frozen=True)
class LinearSVM:
    """The classifiers' margins are x·w + b. Shapes: weights (N, F), biases (N,), float32."""

    weights: np.ndarray
    biases: np.ndarray

    @classmethod
    def fit(
        cls,
        encodings: np.ndarray,
        labels: np.ndarray,
        classes: int,
        regularisation: float,
        seed: int,
    ) -> Self:
        """Fits the N classifiers to encodings (B, F) with labels (B,).

        `regularisation` is the SVM's C: what a violated margin costs. A class without an example,
        and one without a counterexample, gets the margin -1 or 1 everywhere, which solves its
        problem exactly.
        """
        weights = np.zeros((classes, encodings.shape[1]), np.float32)
        biases = np.full(classes, -1.0, np.float32)
        present = np.unique(labels)
        if len(present) == 1:
            biases[present] = 1.0
            return cls(weights, biases)
        svc = LinearSVC(C=regularisation, random_state=seed).fit(encodings, labels)
        # Of two classes scikit-learn keeps one classifier: the second against the first.
        signs = np.array([[-1.0], [1.0]]) if len(present) == 2 else 1.0
        weights[present] = signs * svc.coef_
        biases[present] = np.ravel(signs) * svc.intercept_
        return cls(weights, biases)

    def margins(self, encodings: np.ndarray) -> np.ndarray:
        """Returns the N margins of encodings (B, F), (B, N)."""
        return encodings @ self.weights.T + self.biases

    def probabilities(self, encodings: np.ndarray) -> np.ndarray:
        """Returns the softmax of the margins of encodings (B, F), (B, N).

        They rank the classes and sum to 1, but are not calibrated: a margin is no log-likelihood.
        """
        margins = self.margins(encodings)
        shares = np.exp(margins - margins.max(axis=1, keepdims=True))
        return shares / shares.sum(axis=1, keepdims=True)
