"""Fonts: those that are installed and draw a text, and text as a picture.

No font comes with the program. Characters that none of the installed ones has are shown as their
code, with one warning.
"""

import logging
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import numpy as np
from matplotlib import font_manager
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ft2font import FT2Font

DEFAULT = "DejaVu Sans"  # comes with matplotlib

_warned: set[str] = set()  # characters that were shown as their code

logger = logging.getLogger(__name__)


def missing(text: str) -> set[str]:
    """Returns the characters of a text, but for spaces, that no installed font draws."""
    signs = _signs(text)
    return signs.difference(*(_signs_of(family) for family in families(text)))


def escaped(text: str, signs: Iterable[str]) -> str:
    """Returns a text with the code of each of some characters in its place; warns once."""
    signs = set(signs)
    letters = "".join(sorted(sign for sign in signs if sign.isprintable()))
    if letters and not _warned:
        logger.warning(
            "no installed font has the characters %s: their codes are shown; install one that has "
            "them (for Chinese, Japanese and Korean, for example, the package fonts-noto-cjk)",
            letters[:20],
        )
    _warned.update(letters)
    return "".join(f"\\u{ord(c):04x}" if c in signs else c for c in text)


def families(text: str) -> list[str]:
    """Returns the default font and those that draw the other characters of a text."""
    return list(_families("".join(sorted(_signs(text)))))


def picture(text: str, height: int) -> np.ndarray:
    """Returns a text as (H, W) uint8, 255 in the middle of strokes, without a margin.

    `height` of capitals in pixels, about.
    """
    figure = Figure(dpi=72)
    canvas = FigureCanvasAgg(figure)
    style: Any = {"family": families(text), "size": height / 0.73, "parse_math": False}
    written = figure.text(0, 0, text, color="white", va="bottom", **style)
    box = written.get_window_extent(canvas.get_renderer())
    figure.set_size_inches((np.ceil(box.width) + 2) / 72, (np.ceil(box.height) + 2) / 72)
    figure.patch.set_facecolor("black")
    canvas.draw()
    drawn: np.ndarray = np.asarray(canvas.buffer_rgba())[..., 0]
    rows, columns = (np.flatnonzero(drawn.any(axis=axis)) for axis in (1, 0))
    return drawn[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _signs(text: str) -> set[str]:
    return {c for c in text if not c.isspace()}


@lru_cache(maxsize=1024)
def _families(signs: str) -> tuple[str, ...]:
    found, left = [DEFAULT], set(signs)
    left -= _signs_of(DEFAULT)
    for family in sorted(_fonts()):
        if left & _signs_of(family):
            found.append(family)
            left -= _signs_of(family)
    return tuple(found)


@lru_cache(maxsize=256)
def _signs_of(family: str) -> frozenset[str]:
    try:
        return frozenset(map(chr, FT2Font(_fonts()[family]).get_charmap()))
    except (OSError, RuntimeError):  # a font file that is broken or not readable
        return frozenset()


@lru_cache(maxsize=1)
def _fonts() -> dict[str, str]:
    """Returns the file of each upright, regular font that is installed, by its family's name."""
    known = {font.fname for font in font_manager.fontManager.ttflist}
    for path in font_manager.findSystemFonts():
        if path not in known:  # installed since matplotlib made its list
            try:
                font_manager.fontManager.addfont(path)
            except (OSError, RuntimeError):
                continue
    return {
        font.name: font.fname
        for font in font_manager.fontManager.ttflist
        if (font.style, font.weight, font.stretch) == ("normal", 400, "normal")
        and not font.name.startswith("Last Resort")  # which has a box for every character
    }
