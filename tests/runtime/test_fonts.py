import logging

import numpy as np
import pytest
from matplotlib import font_manager

from jaxvid.runtime import fonts


@pytest.fixture(autouse=True)
def default_alone(monkeypatch):
    """As on a machine without other fonts."""
    file = font_manager.findfont(fonts.DEFAULT)
    monkeypatch.setattr(fonts, "_fonts", lambda: {fonts.DEFAULT: file})
    monkeypatch.setattr(fonts, "_warned", set())
    for function in (fonts._families, fonts._signs_of):
        function.cache_clear()
    yield
    for function in (fonts._families, fonts._signs_of):
        function.cache_clear()


def test_characters_without_a_font_are_their_code_with_one_warning(caplog):
    assert fonts.missing("бег, αβ ñ 跑步") == {"跑", "步"}
    for _ in range(3):
        assert fonts.escaped("跑 a", fonts.missing("跑 a")) == r"\u8dd1 a"
    assert fonts.escaped("步", "步") == r"\u6b65"
    assert fonts.escaped("\udcff", fonts.missing("\udcff")) == r"\udcff"
    [record] = caplog.records
    assert record.levelno == logging.WARNING and "characters 跑: their codes" in record.message


def test_fonts_are_those_that_have_the_characters(monkeypatch):
    file = font_manager.findfont("STIXGeneral")
    known = {
        fonts.DEFAULT: font_manager.findfont(fonts.DEFAULT),
        "STIXGeneral": file,
        "Other": file,
    }
    monkeypatch.setattr(fonts, "_fonts", lambda: known)
    lacking = min(fonts._signs_of("STIXGeneral") - fonts._signs_of(fonts.DEFAULT))
    assert fonts.families("Run") == [fonts.DEFAULT]
    assert fonts.families(f"Run {lacking}") == [fonts.DEFAULT, "Other"]
    assert not fonts.missing(f"Run {lacking}")


@pytest.mark.parametrize("height", [8, 20, 60])
def test_a_text_as_a_picture(height):
    picture = fonts.picture("Бег 90%", height)
    rows, columns = np.nonzero(picture > 100)
    assert picture.dtype == np.uint8 and picture.max() > 200
    assert abs(np.ptp(rows) - height) <= max(2, 0.15 * height)
    assert 3 * height < np.ptp(columns) < 9 * height
    assert not np.array_equal(fonts.picture("Бег 91%", height), picture)
