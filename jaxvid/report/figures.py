"""Figures, drawn by matplotlib without a display, each from numbers to one PNG file."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from jaxvid import files

_TRAINING = {
    "loss": "training batches (label smoothing included)",
    "accuracy": "training batches, running mean",
}


def confusion_matrix(
    labels: np.ndarray, predicted: np.ndarray, class_names: tuple[str, ...], path: Path
) -> None:
    """Draws how often each class was taken for each; rows are shares of a class's clips.

    Shapes: labels (B,), predicted (B,). The counts are written in while there is room for them.
    """
    number = len(class_names)
    counts = np.zeros((number, number), int)
    np.add.at(counts, (labels, predicted), 1)
    shares = counts / np.maximum(1, counts.sum(1, keepdims=True))
    side = min(16.0, 3.2 + 0.42 * number)
    figure = Figure(figsize=(side + 0.6, side), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    size = max(3.0, min(9.0, 420 / number))
    axes.set_xticks(range(number), class_names, rotation=90, fontsize=size)
    axes.set_yticks(range(number), class_names, fontsize=size)
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class")
    correct = float((labels == predicted).mean())
    axes.set_title(f"{len(labels)} clips, top-1 {correct:.1%}")
    if number <= 30:
        for row, column in zip(*np.nonzero(counts), strict=True):
            colour = "white" if shares[row, column] > 0.5 else "black"
            axes.text(
                column,
                row,
                counts[row, column],
                ha="center",
                va="center",
                color=colour,
                fontsize=size,
            )
    figure.colorbar(image, ax=axes, label="share of the true class's clips", fraction=0.046)
    _save(figure, path)


def training_curves(lines: list[dict[str, Any]], path: Path) -> None:
    """Draws loss and top-1 accuracy over epochs, from the lines of metrics.jsonl."""
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    for axes, name, label in zip(
        figure.subplots(1, 2),
        ("loss", "accuracy"),
        ("cross-entropy (nats)", "top-1 accuracy"),
        strict=True,
    ):
        steps = [(line["epoch"], line[name]) for line in lines if name in line]
        if steps:
            epochs, values = np.array(steps).T
            axes.plot(epochs, values, color="C0", alpha=0.25, linewidth=1)
            axes.plot(epochs, _smooth(values), color="C0", label=_TRAINING[name])
        evaluations = {key for line in lines for key in line if key.endswith(f"_{name}")}
        for number, key in enumerate(sorted(evaluations)):
            points = [(line["epoch"], line[key]) for line in lines if key in line]
            epochs, values = np.array(points).T
            split = key.removesuffix(f"_{name}")
            axes.plot(epochs, values, "o-", color=f"C{number + 1}", label=f"{split} clips")
        axes.set_xlabel("epoch")
        axes.set_ylabel(label)
        axes.grid(alpha=0.3)
        if axes.has_data():
            axes.legend(frameon=False)
    _save(figure, path)


def _smooth(values: np.ndarray) -> np.ndarray:
    width = max(1, len(values) // 25)
    sums = np.convolve(values, np.ones(width), "same")
    return sums / np.convolve(np.ones(len(values)), np.ones(width), "same")


def _save(figure: Figure, path: Path) -> None:
    files.write(path, lambda temporary: figure.savefig(temporary, dpi=120))
