"""t-SNE of embeddings: all classes and chosen ones, several runs side by side (paper B)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits

from jaxvid.evaluation import metrics
from jaxvid.report.classes import Names
from jaxvid.report.figures import FAINT, GREY, colour, drawn, sheet

Panel = tuple[str, np.ndarray, np.ndarray]
FEWEST = 5  # clips of a t-SNE
NAMED = 24  # classes up to which a legend names them; more have their names at their clips
CHOSEN = 6  # classes that are chosen where none are named
_NAME: Any = {"fontsize": 4.5, "ha": "center", "va": "center", "color": "#000000"}


def places(components: np.ndarray, seed: int) -> np.ndarray | None:
    """Returns places in the plane (B, 2), within [-1, 1], of embeddings' components (B, P).

    None for fewer than five clips, and for embeddings that are all equal.
    """
    if len(components) < FEWEST or not np.ptp(components, axis=0).any():
        return None
    model = TSNE(perplexity=perplexity(len(components)), init="random", random_state=seed)
    if components.shape[1] > 1:
        model.set_params(init="pca")
    with threadpool_limits(1):  # on shared cores two threads took ten times as long as one
        found = model.fit_transform(components.astype(np.float32)).astype(float)
    found -= (found.max(axis=0) + found.min(axis=0)) / 2
    return found / np.abs(found).max()


def perplexity(clips: int) -> int:
    """Returns t-SNE's perplexity: 30, or about a third of fewer clips."""
    return max(1, min(30, (clips - 1) // 3))


def most_confused(labels: np.ndarray, predicted: np.ndarray, number: int) -> list[int]:
    """Returns up to six of N classes, in order: those most often taken for each other."""
    counts = metrics.confused(labels, predicted, number)
    np.fill_diagonal(counts, 0)
    pairs = np.triu(counts + counts.T)
    chosen: dict[int, None] = {}
    for flat in np.argsort(-pairs, axis=None, kind="stable"):
        pair = divmod(int(flat), number)
        if not pairs[pair] or len(chosen | dict.fromkeys(pair)) > CHOSEN:
            break
        chosen |= dict.fromkeys(pair)
    return sorted(chosen)


def draw(
    panels: list[Panel], names: Names, path: Path, text: str = "", chosen: Sequence[int] = ()
) -> None:
    """Draws the clips' places, a panel for each run, one colour for each class.

    `panels`: each run's name, places (B, 2) and labels (B,). `chosen`: the classes in colour, by
    default all; the others are grey.
    """
    kept = sorted({int(k) for _, _, labels in panels for k in labels})
    coloured = [k for k in chosen if k in kept] or kept
    side = 4.6 if len(panels) < 3 else 3.6
    columns = min(3, len(panels))
    rows = -(-len(panels) // columns)
    longest = max(len(drawn(names[k])) for k in coloured)
    legend = 0.5 + 0.075 * longest if len(coloured) <= NAMED else 0
    with sheet(path, side * columns + legend, side * rows + 0.8, names, text=text) as figure:
        grid = figure.subplots(rows, columns, squeeze=False).ravel()
        for axes in grid[len(panels) :]:
            axes.remove()
        for axes, (name, points, labels) in zip(grid, panels, strict=False):
            shown = np.isin(labels, coloured)
            dots: dict[str, Any] = {"s": 16 if len(points) < 1000 else 7, "linewidths": 0}
            axes.scatter(*points[~shown].T, color=FAINT, **dots)
            for number, k in enumerate(coloured):
                of_class = points[labels == k]
                style = {"color": colour(number, len(coloured)), "label": drawn(names[k])}
                axes.scatter(*of_class.T, alpha=0.85, **style, **dots)
                if len(coloured) > NAMED and len(of_class):
                    at = np.median(of_class, axis=0)
                    axes.text(*at, drawn(names[k], 18), **_NAME)
            axes.set_aspect("equal")
            limits = (-1.06, 1.06)
            axes.set(xlim=limits, ylim=limits, xticks=[], yticks=[])
            for spine in axes.spines.values():
                spine.set_visible(True)
                spine.set_color(FAINT)
            axes.set_title(f"{drawn(name)}  (n = {len(points)})")
            axes.set_xlabel("t-SNE 1 (no unit)", color=GREY, fontsize=8)
            axes.set_ylabel("t-SNE 2 (no unit)", color=GREY, fontsize=8)
        if legend:
            handles = grid[0].get_legend_handles_labels()
            figure.legend(*handles, loc="outside right upper", fontsize=8, markerscale=1.6)
