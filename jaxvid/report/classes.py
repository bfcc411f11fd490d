"""Figures of the classes (paper D): confusion matrix; F1, precision and recall of each class."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.colors import LinearSegmentedColormap

from jaxvid.evaluation import metrics
from jaxvid.report.figures import BAD, FAINT, GOOD, GREY, INK, drawn, sheet

Names = tuple[str, ...]
COUNTED = 30  # classes up to which a confusion matrix has its counts written in
NAMED = 160  # classes up to which every one has its name on an axis
SHOWN = 60  # worst and best classes that are drawn where there are more than NAMED
_MARKS: dict[str, Any] = {"clip_on": False, "zorder": 3}
_BLUES = LinearSegmentedColormap.from_list("right", ["#ffffff", GOOD])
_REDS = LinearSegmentedColormap.from_list("wrong", ["#fde9df", "#f19a72", BAD, "#8f2d05"])


def confusion_matrix(
    labels: np.ndarray, predicted: np.ndarray, class_names: Names, path: Path, text: str = ""
) -> None:
    """Draws the confusion matrix of labels (B,) and predictions (B,), as shares of a row.

    Correct ones are blue, errors red. Up to COUNTED classes, with the counts.
    """
    number = len(class_names)
    counts = metrics.confused(labels, predicted, number)
    shares = counts / np.maximum(1, counts.sum(1, keepdims=True))
    diagonal = np.eye(number, dtype=bool)
    side = min(17.0, 2.6 + (0.42 if number <= COUNTED else 0.14) * number)
    with sheet(path, side + 1.2, side, class_names, text=text) as figure:
        axes = figure.subplots()
        images = [
            axes.imshow(np.ma.masked_where(hidden, shares), cmap=colours, vmin=0, vmax=1)
            for hidden, colours in ((~diagonal, _BLUES), (diagonal | (counts == 0), _REDS))
        ]
        size = 8.5 if number <= COUNTED else max(2.0, min(7.0, 700 / number))
        shown = [drawn(name) for name in class_names] if number <= NAMED else []
        if shown:
            axes.set_xticks(range(number), shown, rotation=90, fontsize=size)
            axes.set_yticks(range(number), shown, fontsize=size)
            axes.tick_params(length=0)
        by = "" if shown else ", by number"
        axes.set(xlabel=f"predicted class{by}", ylabel=f"true class{by}")
        for spine in axes.spines.values():
            spine.set_visible(True)
            spine.set_color(FAINT)
        correct = float((labels == predicted).mean())
        # Above the scales, too: few classes are narrower than it.
        title = f"top-1 {correct:.1%} of n = {len(labels)} clips"
        figure.suptitle(title, fontsize=10, fontweight="bold", x=0.01, ha="left")
        if number <= COUNTED:
            for row, column in zip(*np.nonzero(counts), strict=True):
                colour = "white" if shares[row, column] > 0.55 else INK
                style: Any = {"ha": "center", "va": "center", "color": colour, "fontsize": size}
                axes.text(column, row, counts[row, column], **style)
        for image, kind in zip(images, ("right", "wrong"), strict=True):
            bar = figure.colorbar(image, ax=axes, fraction=0.03, pad=0.015, aspect=max(30, number))
            bar.set_label(f"share of the true class's clips: {kind}", fontsize=8)
            bar.outline.set_visible(False)
            bar.ax.tick_params(labelsize=7)


def per_class(
    probabilities: np.ndarray, labels: np.ndarray, class_names: Names, path: Path, text: str = ""
) -> None:
    """Draws F1, precision and recall of each class, the best first, with its number of clips."""
    rows = metrics.per_class(probabilities, labels)
    order = sorted((k for k, row in enumerate(rows) if row["clips"]), key=lambda k: -rows[k]["f1"])
    left_out = len(order) - 2 * SHOWN if len(order) > NAMED else 0
    if left_out:
        order = order[:SHOWN] + order[-SHOWN:]
    number = len(order)
    height = 1.4 + (0.155 if number > COUNTED else 0.27) * number
    with sheet(path, 7.2, height, class_names, text=text) as figure:
        axes = figure.subplots()
        places = np.arange(number)
        values = {name: [rows[k][name] for k in order] for name in ("f1", "precision", "recall")}
        axes.barh(places, values["f1"], color=GOOD, alpha=0.35, height=0.72, label="F1")
        size = 26 if number <= COUNTED else 13
        for name, colour, marker in (("precision", BAD, "|"), ("recall", GOOD, "o")):
            marked = size * 2.4 if marker == "|" else size * 0.7
            style = _MARKS | {"color": colour, "marker": marker, "label": name}
            axes.scatter(values[name], places, s=marked, **style)
        shown = [f"{drawn(class_names[k])}  n={rows[k]['clips']}" for k in order]
        axes.set_yticks(places, shown, fontsize=8.5 if number <= COUNTED else 6.5)
        axes.tick_params(axis="y", length=0)
        label = "F1 (bar), precision (line), recall (dot)"
        axes.set(xlim=(0, 1), ylim=(number - 0.4, -0.6), xlabel=label)
        axes.grid(True, axis="x")
        axes.spines["left"].set_color(GREY)
        which = f"; {left_out} in the middle are left out" if left_out else ""
        title = f"{number + left_out} classes by F1{which}"
        figure.suptitle(title, fontsize=10, fontweight="bold", x=0.01, ha="left")
        figure.legend(loc="outside upper right", ncols=3, fontsize=8)
