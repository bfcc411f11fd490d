import cv2
import numpy as np
import pytest

from jaxvid.data import video as videos
from jaxvid.inference import labelled_copy


def test_characters_are_drawn_as_themselves_where_a_font_has_them(monkeypatch):
    frame = np.full((240, 320, 3), 128, np.uint8)
    texts = ["Бег 90%", "Бёг 90%", "??? 90%", "ßßß 90%"]
    for only_ascii in (False, True):  # OpenCV 4 draws no others
        if only_ascii:
            monkeypatch.setattr(labelled_copy, "_is_drawn", str.isascii)
        images = [labelled_copy.drawn(frame, text) for text in texts]
        for i, image in enumerate(images):
            assert not any(np.array_equal(image, other) for other in images[:i])


def test_characters_without_a_font_are_shown_by_their_code(monkeypatch):
    frame = np.full((240, 320, 3), 128, np.uint8)
    monkeypatch.setattr(labelled_copy, "_is_drawn", str.isascii)
    monkeypatch.setattr(labelled_copy.fonts, "missing", lambda text: {c for c in text if c > "~"})
    shown = labelled_copy.drawn(frame, "跑 90%")
    np.testing.assert_array_equal(shown, labelled_copy.drawn(frame, r"\u8dd1 90%"))
    shown = labelled_copy.drawn(frame, "\udcff 90%")
    np.testing.assert_array_equal(shown, labelled_copy.drawn(frame, r"\udcff 90%"))


@pytest.mark.parametrize("label", ["A long label", "Длинное имя"])
@pytest.mark.parametrize(("height", "width"), [(240, 320), (48, 36), (1080, 1920)])
def test_a_label_fits_in_its_frame(height, width, label, monkeypatch):
    monkeypatch.setattr(labelled_copy, "_is_drawn", str.isascii)
    frame = np.full((height, width, 3), 128, np.uint8)
    drawn = labelled_copy.drawn(frame, f"{label} 100%")
    assert (frame == 128).all()
    changed = np.argwhere((drawn != 128).any(axis=-1))
    assert changed.max(axis=0)[1] < width - 1 or width < 50
    assert changed.max(axis=0)[0] < height / 3
    assert (drawn > 128).any()
    assert cv2.countNonZero(drawn[..., 0]) < height * width  # the band is black


@pytest.mark.parametrize("fps", [0.5, 23.976, 29.97, 119.88, 239.76, 960.0])
def test_a_copy_has_any_rate(tmp_path, fps):
    copy = tmp_path / "copy.mp4"
    frames = (np.full((32, 48, 3), 20 * i, np.uint8) for i in range(5))
    assert len(list(labelled_copy._encode(copy, frames, fps))) == 5
    facts = videos.Facts()
    assert len(list(videos.decode(copy, facts))) == 5
    assert facts.fps == pytest.approx(fps, rel=1e-3)
