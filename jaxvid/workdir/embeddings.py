"""Embeddings of evaluated clips, kept beside their scores as principal components."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.decomposition import PCA

from jaxvid.errors import UserError
from jaxvid.runtime import files

FILE = "embeddings.npz"
COMPONENTS = 50  # what t-SNE is given, as its authors do (van der Maaten and Hinton 2008)


@dataclass(frozen=True)
class Embeddings:
    """What an evaluation kept of its clips' embeddings.

    Shapes: components (B, P), P at most 50 principal components of the embedding, which is `width`
    wide; attention (B, τ) or None.
    """

    components: np.ndarray
    width: int
    attention: np.ndarray | None


def save(
    folder: Path, step: Any, embedding: np.ndarray | None, attention: np.ndarray | None
) -> None:
    """Writes the principal components of embeddings (B, E) and attention weights (B, τ).

    Without an embedding, what an earlier evaluation wrote there is removed.
    """
    if embedding is None:
        (folder / FILE).unlink(missing_ok=True)
        return
    count = min(COMPONENTS, *embedding.shape)
    components = PCA(count, random_state=0).fit_transform(embedding.astype(np.float32))
    arrays = {
        "step": np.asarray(step),
        "components": components.astype(np.float32),
        "width": np.asarray(embedding.shape[1]),
    }
    if attention is not None:
        arrays["attention"] = attention.astype(np.float32)
    files.write_arrays(folder / FILE, arrays)


def read(folder: Path, step: Any, clips: int) -> Embeddings:
    """Reads what an evaluation kept. Raises UserError where there is nothing of that evaluation."""
    try:
        arrays = files.read_arrays(folder / FILE)
    except FileNotFoundError:
        raise UserError("its evaluation kept no embeddings") from None
    try:
        found = Embeddings(arrays["components"], int(arrays["width"]), arrays.get("attention"))
        same = arrays["step"].tolist() == step and len(found.components) == clips
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{folder / FILE} is damaged: {error}") from None
    if not same:
        raise UserError(f"{folder / FILE} is of another evaluation")
    return found
