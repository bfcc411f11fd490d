"""What all figures share: names that can be drawn, colours, captions, PNG files.

matplotlib draws them without a display, each from numbers to one file.
"""

import colorsys
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

from matplotlib import font_manager
from matplotlib.figure import Figure
from matplotlib.ft2font import FT2Font

from jaxvid import files

INK, GREY, FAINT = "#22252b", "#6d7079", "#d9dadd"
GOOD, BAD = "#1f5fae", "#c2410c"
# Told apart by most readers with a colour vision deficiency (Okabe and Ito), but for the last two.
COLOURS = (
    *("#0072b2", "#e69f00", "#009e73", "#cc3d2e", "#8c6bb1", "#56b4e9", "#a6761d"),
    *("#d55e9f", "#5c6b2f", "#555b66"),
)
LONGEST = 32  # characters of a name in a figure

_DRAWN = {
    "font.size": 9,
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "text.color": INK,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "grid.color": FAINT,
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "legend.frameon": False,
}


def new(width: float, height: float, names: Iterable[str] = ()) -> Figure:
    """Returns an empty figure, inches, whose fonts can draw `names` where any installed one can."""
    import matplotlib

    matplotlib.rcParams.update(_DRAWN)
    matplotlib.rcParams["font.family"] = list(_families("".join(sorted(set("".join(names))))))
    return Figure(figsize=(width, height), layout="constrained")


def drawn(name: str, longest: int = LONGEST) -> str:
    """Returns a name as a figure can show it: short, on one line, every sign drawn as itself.

    Signs that no installed font has are written as their code; the page has the names as they are.
    """
    name = " ".join(name.split()) or "(no name)"
    if len(name) > longest:
        kept = longest - 1
        name = f"{name[: kept - kept // 3]}…{name[len(name) - kept // 3 :]}"
    known = _known("".join(sorted(set(name))))
    text = "".join(c if c in known else f"\\u{ord(c):04x}" for c in name)
    # A dollar sign would begin a formula, and a legend leaves out what begins with an underscore.
    return text.replace("$", r"\$") if not text.startswith("_") else f" {text}"


def colour(label: int, classes: int) -> Any:
    """Returns a class's colour: one of ten, or for more classes one of as many hues."""
    if classes <= len(COLOURS):
        return COLOURS[label]
    hue = (label * 0.381966) % 1
    return colorsys.hls_to_rgb(hue, (0.38, 0.5, 0.62)[label % 3], (0.75, 0.55)[label % 2])


def caption(figure: Figure, text: str) -> None:
    """Writes under a figure what it was made from."""
    figure.supxlabel(text, fontsize=7.5, color=GREY, x=0.01, ha="left")


def save(figure: Figure, path: Path) -> None:
    """Writes a PNG file."""
    files.write(path, lambda temporary: figure.savefig(temporary, dpi=120))


@lru_cache(maxsize=64)
def _families(signs: str) -> tuple[str, ...]:
    """Returns the default font and as few others as draw what it has not of `signs`."""
    families, left = ["DejaVu Sans"], {c for c in signs if not c.isspace()}
    left -= _signs_of(font_manager.findfont("DejaVu Sans"))
    for font in sorted(font_manager.fontManager.ttflist, key=lambda font: font.name):
        if not left:
            break
        if left & _signs_of(font.fname):
            families.append(font.name)
            left -= _signs_of(font.fname)
    return tuple(dict.fromkeys(families))


@lru_cache(maxsize=1024)
def _known(signs: str) -> frozenset[str]:
    known = {" "}
    for family in _families(signs):
        known |= _signs_of(font_manager.findfont(family)) & set(signs)
    return frozenset(known)


@lru_cache(maxsize=256)
def _signs_of(file: str) -> frozenset[str]:
    try:
        return frozenset(map(chr, FT2Font(file).get_charmap()))
    except (OSError, RuntimeError):  # a font file that is broken or not readable
        return frozenset()
