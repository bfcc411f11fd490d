"""Retrieval: videos by the similarity of their features, and how well that finds their class.

The similarity of two videos is the cosine of their vectors, in [-1, 1].
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ml_collections import ConfigDict
from scipy.sparse import csgraph
from sklearn.neighbors import NearestNeighbors

from jaxvid.errors import UserError
from jaxvid.inference import feature_files, features, video_files

KS = (1, 5, 10)
ROUNDING = 1e-6  # the cosine of two equal vectors in float32 may be less than 1 by this
BLOCK = 512  # videos compared with all others at a time


@dataclass(frozen=True)
class Index:
    """Videos by name, and their vectors (M, E) of length one."""

    names: tuple[str, ...]
    vectors: np.ndarray

    @classmethod
    def of(cls, folder: Path) -> "Index":
        """Returns the videos of a folder of features. Raises UserError where a file is damaged."""
        paths = feature_files.find(folder)
        made_by = feature_files.about(folder)["made_by"]
        found = [feature_files.read(path, made_by) for path in paths]
        videos, embeddings = zip(*found, strict=True)
        return cls(videos, np.stack([vector(each) for each in embeddings]))

    def search(self, queries: np.ndarray, top: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns the `top` most similar videos of each query (Q, E).

        Their numbers and their similarities, (Q, top).
        """
        found = self._neighbours().kneighbors(queries, n_neighbors=min(top, len(self.names)))
        return found[1], 1 - found[0]

    def duplicates(self, similarity: float) -> list[list[int]]:
        """Returns the groups of videos that are linked by pairs of at least this similarity.

        Their numbers, ascending; the largest group first; videos without a pair are in none.
        """
        radius = 1 - similarity + ROUNDING
        graph = self._neighbours().radius_neighbors_graph(radius=radius, mode="connectivity")
        _, labels = csgraph.connected_components(graph, directed=False)
        members = [np.flatnonzero(labels == label).tolist() for label in np.unique(labels)]
        return sorted((m for m in members if len(m) > 1), key=lambda m: (-len(m), m))

    def scores(self) -> dict[str, float | int]:
        """Returns how well similarity finds the folder of a video, as `evaluate` does.

        Empty where all videos are in one folder, or each is in its own.
        """
        labels = np.array([Path(name).parent.as_posix() for name in self.names])
        if not 1 < len(set(labels)) < len(labels):
            return {}
        return evaluate(self.vectors, labels)

    def _neighbours(self) -> NearestNeighbors:
        return NearestNeighbors(metric="cosine", algorithm="brute").fit(self.vectors)


def query_vectors(
    config: ConfigDict, workdir: Path, videos: Iterable[Path], folder: Path
) -> tuple[dict[Path, np.ndarray], dict[Path, str]]:
    """Returns the vectors of videos, and the reasons for those skipped.

    Their windows are those of the features in `folder`. Raises UserError where these are of another
    model than that of `workdir`.
    """
    there = feature_files.about(folder)
    config = config.copy_and_resolve_references()
    for field in ("length", "stride"):
        config.windows[field] = there["fields"][f"windows.{field}"]
    network, about = features.opened(config, workdir)
    if about["made_by"] != there["made_by"]:
        raise UserError(
            f"the features in {folder} are of another model or other settings than those of "
            f"{workdir}: write them again with --mode=features, to another folder"
        )
    found, skipped = video_files.windows(network, ("embedding",), videos)
    return {path: vector(arrays["embedding"]) for path, arrays in found.items()}, skipped


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
    """Returns how well similarity finds labels (M,) by vectors (M, E), each among the others.

    `recall_at_K`: the share of videos with one of their label among the K most similar; `map`: the
    mean over the videos of the average precision, the mean of the precisions at the ranks of the
    videos with their label; `queries`: the videos counted, those whose label another one has.
    """
    hits = dict.fromkeys(ks, 0)
    precision = 0.0
    queries = 0
    for start in range(0, len(vectors), BLOCK):
        block = np.arange(start, min(start + BLOCK, len(vectors)))
        similarity = vectors[block] @ vectors.T
        similarity[np.arange(len(block)), block] = -np.inf  # itself comes last, and is cut off
        order = np.argsort(-similarity, axis=1, kind="stable")[:, :-1]
        same = labels[order] == labels[block, None]
        same = same[same.any(axis=1)]
        queries += len(same)
        ranks = np.arange(1, same.shape[1] + 1)
        precision += float(((same.cumsum(1) / ranks * same).sum(1) / same.sum(1)).sum())
        for k in ks:
            hits[k] += int(same[:, :k].any(axis=1).sum())
    counted = max(1, queries)
    return {
        **{f"recall_at_{k}": hits[k] / counted for k in ks},
        "map": precision / counted,
        "queries": queries,
    }
