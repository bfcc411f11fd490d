"""Colours, fonts, captions and PNG files of all figures; matplotlib draws without a display."""

import colorsys
import textwrap
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from jaxvid.runtime import files, fonts

INK, GREY, FAINT = "#22252b", "#6d7079", "#d9dadd"
GOOD, BAD = "#1f5fae", "#c2410c"
# Told apart by most readers with a colour vision deficiency (Okabe and Ito), but for the last two.
COLOURS = (
    *("#0072b2", "#e69f00", "#009e73", "#cc3d2e", "#8c6bb1", "#56b4e9", "#a6761d"),
    *("#d55e9f", "#5c6b2f", "#555b66"),
)
LONGEST = 32  # characters of a name in a figure

_STYLE: Any = {
    "font.size": 9,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "legend.frameon": False,
    **dict.fromkeys(("axes.edgecolor", "xtick.color", "ytick.color"), GREY),
    **dict.fromkeys(("axes.labelcolor", "text.color", "xtick.labelcolor", "ytick.labelcolor"), INK),
    "grid.color": FAINT,
}


@contextmanager
def sheet(
    path: Path, width: float, height: float, names: Iterable[str] = (), text: str = ""
) -> Iterator[Figure]:
    """Yields an empty figure, sizes in inches, and writes it as PNG with the caption `text`.

    Its fonts are those that draw `names`.
    """
    families = fonts.families("".join(names) + text)
    with matplotlib.rc_context({**_STYLE, "font.family": families}):
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure
        shown = textwrap.fill(drawn(text, 600), round(17 * width))
        figure.supxlabel(shown, fontsize=7.5, color=GREY, x=0.01, ha="left")
        files.write(path, lambda temporary: figure.savefig(temporary, dpi=120))


def drawn(name: str, longest: int = LONGEST) -> str:
    """Returns a name for a figure: short, on one line, characters without a font as their code."""
    name = " ".join(name.split()) or "(no name)"
    if len(name) > longest:
        kept = longest - 1
        name = f"{name[: kept - kept // 3]}…{name[len(name) - kept // 3 :]}"
    text = fonts.escaped(name, fonts.missing(name))
    # A dollar sign begins a formula, and a legend omits labels that begin with an underscore.
    return (f" {text}" if text.startswith("_") else text).replace("$", r"\$")


def spaced(total: int, count: int) -> np.ndarray:
    """Returns up to `count` of the numbers 0 to `total` - 1, equally spaced, the ends included."""
    return np.unique(np.linspace(0, total - 1, min(total, count)).round().astype(int))


def colour(label: int, classes: int) -> Any:
    """Returns a class's colour: one of ten or, of more classes, a hue of its own."""
    if classes <= len(COLOURS):
        return COLOURS[label]
    hue = (label * 0.381966) % 1
    return colorsys.hls_to_rgb(hue, (0.38, 0.5, 0.62)[label % 3], (0.75, 0.55)[label % 2])
