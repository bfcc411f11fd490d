import math
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from jaxvid import annotate
from jaxvid.data import video as videos
from jaxvid.timeline import Segment


@pytest.fixture
def video(tiny, tmp_path) -> Path:
    source = next((Path(tiny.data.root) / "UCF-101" / "SitDown").glob("*.avi"))
    return Path(shutil.copy(source, tmp_path / "a.avi"))


def test_each_moment_of_a_copy_has_its_label(video, tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(annotate, "drawn", lambda frame, text: drawn.append(text) or frame)
    segments = [Segment(0, 0.5, "Run", 0.9), Segment(0.5, 9, "Sit", 0.875)]
    assert annotate.annotate([(video, segments)], {video: tmp_path / "copy.mp4"}) == {}
    half = math.ceil(videos.frames_per_second(video) / 2)
    assert drawn[:half] == ["Run 90%"] * half
    assert set(drawn[half:]) == {"Sit 88%"}

    (tmp_path / "b.avi").write_bytes(b"")
    wrong = annotate.annotate(
        [(tmp_path / "b.avi", segments)], {tmp_path / "b.avi": tmp_path / "b"}
    )
    assert wrong == {tmp_path / "b.avi": "the file is empty"}


@pytest.mark.parametrize(("height", "width"), [(240, 320), (48, 36), (1080, 1920)])
def test_a_label_fits_in_its_frame(height, width):
    frame = np.full((height, width, 3), 128, np.uint8)
    drawn = annotate.drawn(frame, "A long label 100%")
    assert (frame == 128).all()
    changed = np.argwhere((drawn != 128).any(axis=-1))
    assert changed.max(axis=0)[1] < width - 1 or width < 50
    assert changed.max(axis=0)[0] < height / 3
    assert (drawn > 128).any()
    assert cv2.countNonZero(drawn[..., 0]) < height * width  # the band is black
