"""Attention over time: the weight of each step of a clip, below the frames of the step."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from jaxvid.report.clips import Pictures
from jaxvid.report.figures import BAD, GOOD, GREY, drawn, sheet

STRIP = 10  # frames of a row


def draw(rows: Sequence[tuple[Pictures, np.ndarray, str, str]], path: Path, text: str = "") -> None:
    """Draws a row for each clip: its frames, and below them the weights of its feature steps.

    A row is a clip's pictures, its weights (τ,), which sum to one, its true and its predicted
    class. A step's bar spans the frames that it stands for; the dashed line is equal weight.
    """
    names = [name for _, _, *classes in rows for name in classes]
    with sheet(path, 9.2, 0.5 + 1.75 * len(rows), names, text=text) as figure:
        highest = max(float(weights.max()) for _, weights, _, _ in rows)
        grid = figure.subplots(2 * len(rows), 1, height_ratios=[1.25, 1] * len(rows), squeeze=False)
        for number, (shown, weights, true, predicted) in enumerate(rows):
            above, below = grid[2 * number, 0], grid[2 * number + 1, 0]
            strip = np.concatenate(list(shown.frames), axis=1)
            extent = (0, strip.shape[1], strip.shape[0], 0)
            above.imshow(strip, extent=extent, interpolation="lanczos")
            above.set_axis_off()
            correct = true == predicted
            result = "recognised" if correct else f"taken for {drawn(predicted)}"
            title = f"{drawn(true)}, {result}"
            above.set_title(title, color=GOOD if correct else BAD, fontsize=9)
            steps = len(weights)
            edges = np.arange(steps) * shown.total / steps
            width = shown.total / steps * 0.92
            below.bar(edges, weights, width, align="edge", color=GOOD, alpha=0.7)
            below.axhline(1 / steps, color=GREY, linewidth=0.8, linestyle="--")
            below.set(xlim=(0, shown.total), ylim=(0, highest * 1.05), ylabel="weight")
            below.tick_params(labelsize=7)
            if number == len(rows) - 1:
                below.set_xlabel(f"frame of the clip (T = {shown.total}), {steps} feature steps")
            else:
                below.set_xticklabels([])
