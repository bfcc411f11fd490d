"""Curves: loss and accuracy over epochs (papers A, B and C), ROC (paper D)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import auc, roc_curve

from jaxvid.report.figures import COLOURS, FAINT, GREY, INK, drawn, sheet

Lines = list[dict[str, Any]]  # of metrics.jsonl
Rocs = dict[int, tuple[np.ndarray, np.ndarray, float]]
AXES = {"accuracy": "top-1 accuracy", "loss": "cross-entropy (nats)"}
GRID = np.linspace(0, 1, 201)  # false positive rates at which ROC curves are averaged


def measured(lines: Lines, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Returns the epochs (n,) and the values (n,) of a metric; the loss without the center loss."""
    points = [
        (line["epoch"], line.get("cross_entropy", line[name]) if name == "loss" else line[name])
        for line in lines
        if name in line and "epoch" in line
    ]
    epochs, values = np.array(points, float).reshape(-1, 2).T
    return epochs, values


def smooth(values: np.ndarray) -> np.ndarray:
    """Returns the running mean over a 25th of the values (n,)."""
    width = max(1, len(values) // 25)
    sums = np.convolve(values, np.ones(width), "same")
    return sums / np.convolve(np.ones(len(values)), np.ones(width), "same")


def evaluated_splits(lines: Lines) -> list[str]:
    """Returns the splits that were evaluated while training."""
    keys = {key for line in lines for key in line if key.endswith("_accuracy")}
    return sorted(key.removesuffix("_accuracy") for key in keys)


def training_curves(runs: Mapping[str, Lines], path: Path, text: str = "") -> None:
    """Draws top-1 accuracy and loss over epochs of runs, one colour each.

    `runs`: the lines of each run's metrics.jsonl by its name. Thin: the running mean of training
    batches; dots: evaluations while training.
    """
    with sheet(path, 9, 3.5, runs, text=text) as figure:
        panels = figure.subplots(1, 2)
        for axes, (name, label) in zip(panels, AXES.items(), strict=True):
            for number, (run, lines) in enumerate(runs.items()):
                _draw_run(axes, lines, name, COLOURS[number % len(COLOURS)], drawn(run))
            axes.set(xlabel="epoch", ylabel=label)
            axes.grid(True)
            if name == "accuracy":
                axes.set_ylim(0, 1.02)
        handles, labels = panels[0].get_legend_handles_labels()
        if handles:
            columns = 2 if len(runs) > 1 else len(handles)
            figure.legend(handles, labels, loc="outside upper left", ncols=columns, fontsize=8)


def _draw_run(axes: Any, lines: Lines, name: str, colour: str, label: str) -> None:
    epochs, values = measured(lines, name)
    if len(epochs):
        axes.plot(epochs, values, color=colour, alpha=0.15, linewidth=0.8)
        line = {"color": colour, "alpha": 0.75, "linewidth": 1.1}
        axes.plot(epochs, smooth(values), **line, label=f"{label}: training batches, running mean")
    for split in evaluated_splits(lines):
        epochs, values = measured(lines, f"{split}_{name}")
        style = {"color": colour, "linewidth": 1.6, "markersize": 4.5}
        axes.plot(epochs, values, "o-", **style, label=f"{label}: {split} clips")


def class_rocs(probabilities: np.ndarray, labels: np.ndarray) -> Rocs:
    """Returns the one-versus-rest ROC of each class with clips, of probabilities (B, N), by class.

    The true positive rates at the false positive rates of `GRID` (201,), the curve's own corners
    (n, 2) and the area under them. Empty where fewer than two classes have clips.
    """
    present = np.unique(labels)
    rocs = {}
    for k in present if len(present) > 1 else ():
        false, true, _ = roc_curve(labels == k, probabilities[:, k])
        corners = np.stack([false, true], axis=1)
        rocs[int(k)] = (np.interp(GRID, false, true), corners, float(auc(false, true)))
    return rocs


def roc(rocs: Rocs, class_names: tuple[str, ...], path: Path, text: str = "") -> None:
    """Draws `class_rocs` of one class or more, their mean, and a closer look at its corner.

    The classes with the smallest areas are named.
    """
    mean = np.mean([rates for rates, _, _ in rocs.values()], axis=0)
    area = np.mean([area for _, _, area in rocs.values()])
    worst = sorted(rocs, key=lambda k: rocs[k][2])[:8]
    with sheet(path, 9.6, 4.2, class_names, text=text) as figure:
        for axes, corner in zip(figure.subplots(1, 2), (False, True), strict=True):
            for k, (_, corners, _) in rocs.items():
                if k not in worst:
                    axes.plot(*corners.T, color=GREY, alpha=0.35, linewidth=0.7)
            for number, k in enumerate(worst):
                _, corners, own = rocs[k]
                label = f"{drawn(class_names[k], 26)}  {own:.4f}"
                style = {"color": COLOURS[number % len(COLOURS)], "linewidth": 1.3}
                axes.plot(*corners.T, **style, label=label)
            mean_label = f"mean of {len(rocs)} classes  {area:.4f}"
            axes.plot(GRID, mean, color=INK, linewidth=2.2, linestyle="--", label=mean_label)
            axes.plot([0, 1], [0, 1], color=FAINT, linewidth=1, zorder=0)
            limits = ((0, 0.1), (0.5, 1.01)) if corner else ((-0.01, 1), (0, 1.01))
            axes.set(xlim=limits[0], ylim=limits[1])
            axes.set(xlabel="false positive rate", ylabel="true positive rate")
            axes.set_title("its corner" if corner else "one class versus the rest")
            axes.grid(True)
        which = "area" if len(rocs) <= len(worst) else "smallest areas"
        handles = axes.get_legend_handles_labels()
        title = f"{which} under the curve"
        figure.legend(*handles, title=title, loc="outside right upper", fontsize=8)
