"""Retrieval: videos by the likeness of their embeddings, and how well that finds their class.

The likeness of two videos is the cosine of their vectors, in [-1, 1].
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csgraph
from sklearn.neighbors import NearestNeighbors

KS = (1, 5, 10)
ROUNDING = 1e-6  # by which the cosine of two like vectors in float32 may be less than 1
BLOCK = 512  # videos compared with all others at a time


@dataclass(frozen=True)
class Index:
    """Videos by name, and their vectors (M, E) of length one."""

    names: tuple[str, ...]
    vectors: np.ndarray

    def search(self, queries: np.ndarray, top: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns the `top` likest videos of each query (Q, E): places and likeness, (Q, top)."""
        found = self._neighbours().kneighbors(queries, n_neighbors=min(top, len(self.names)))
        return found[1], 1 - found[0]

    def groups(self, likeness: float) -> list[list[int]]:
        """Returns the groups of videos that are linked by pairs of at least this likeness.

        Places, ascending; the largest group first; videos that are like no other are in none.
        """
        radius = 1 - likeness + ROUNDING
        graph = self._neighbours().radius_neighbors_graph(radius=radius, mode="connectivity")
        _, labels = csgraph.connected_components(graph, directed=False)
        members = [np.flatnonzero(labels == label).tolist() for label in np.unique(labels)]
        return sorted((m for m in members if len(m) > 1), key=lambda m: (-len(m), m))

    def _neighbours(self) -> NearestNeighbors:
        return NearestNeighbors(metric="cosine", algorithm="brute").fit(self.vectors)


def vector(embeddings: np.ndarray) -> np.ndarray:
    """Returns a video's vector, (E,), from those of its windows, (W, E): the mean direction."""
    mean = unit(embeddings).mean(axis=0)
    return unit(mean)


def unit(vectors: np.ndarray) -> np.ndarray:
    """Returns vectors (..., E) at length one; zeros stay zeros."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)


def evaluate(
    vectors: np.ndarray, labels: np.ndarray, ks: Sequence[int] = KS
) -> dict[str, float | int]:
    """Returns how well likeness (M, E) finds the label (M,), each video searched among the others.

    `recall_at_K`: the share of videos with one of their label among the K likest; `map`: the mean
    over the videos of the average precision, the mean of the precisions at the ranks where one of
    their label stands; `queries`: the videos whose label another one has, which alone are counted.
    """
    hits = {k: 0 for k in ks}
    precision = 0.0
    queries = 0
    for start in range(0, len(vectors), BLOCK):
        block = np.arange(start, min(start + BLOCK, len(vectors)))
        likeness = vectors[block] @ vectors.T
        likeness[np.arange(len(block)), block] = -np.inf  # itself comes last, and is cut off
        order = np.argsort(-likeness, axis=1, kind="stable")[:, :-1]
        right = labels[order] == labels[block, None]
        right = right[right.any(axis=1)]
        queries += len(right)
        ranks = np.arange(1, right.shape[1] + 1)
        precision += float(((right.cumsum(1) / ranks * right).sum(1) / right.sum(1)).sum())
        for k in ks:
            hits[k] += int(right[:, :k].any(axis=1).sum())
    counted = max(1, queries)
    return {
        **{f"recall_at_{k}": hits[k] / counted for k in ks},
        "map": precision / counted,
        "queries": queries,
    }
