import math
import resource
import shutil
import signal
from pathlib import Path

import cv2
import numpy as np
import pytest
import scipy.io

from jaxvid.data import video as videos
from jaxvid.data.modalities import Skeletons
from jaxvid.data.video import VideoError
from jaxvid.inference import annotate
from jaxvid.inference.timeline import Segment


@pytest.fixture
def video(tiny, tmp_path) -> Path:
    source = next((Path(tiny.data.root) / "UCF-101" / "SitDown").glob("*.avi"))
    return Path(shutil.copy(source, tmp_path / "a.avi"))


def test_each_moment_of_a_copy_has_its_label(video, tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(annotate, "drawn", lambda frame, text: drawn.append(text) or frame)
    segments = [Segment(0, 0.5, "Run", 0.9), Segment(0.5, 9, "Sit", 0.875)]
    annotate.write(video, segments, tmp_path / "copy.mp4")
    half = math.ceil(videos.frames_per_second(video) / 2)
    assert drawn[:half] == ["Run 90%"] * half
    assert set(drawn[half:]) == {"Sit 88%"}

    (tmp_path / "b.avi").write_bytes(b"")
    with pytest.raises(VideoError, match="the file is empty"):
        annotate.write(tmp_path / "b.avi", segments, tmp_path / "b.mp4")
    assert not (tmp_path / "b.mp4").exists()


def test_a_copy_of_a_varying_rate_shows_each_frame_when_the_video_does(tmp_path):
    source, path, copy = (tmp_path / name for name in ("a.avi", "a.mp4", "copy.mp4"))
    code = cv2.VideoWriter_fourcc(*"MJPG")
    writer = cv2.VideoWriter(str(source), cv2.CAP_FFMPEG, code, 25, (96, 60))
    times = [*range(25), *range(25, 125, 10)]  # in 25ths of a second: quick ones, then slow ones
    for time in times:
        writer.write(np.full((60, 96, 3), 2 * time, np.uint8))
    writer.release()
    packets = cv2.VideoCapture(str(source), cv2.CAP_FFMPEG, [cv2.CAP_PROP_FORMAT, -1])
    raw = [cv2.VIDEOWRITER_PROP_RAW_VIDEO, 1]
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, code, 25, (96, 60), raw)
    for time in times:
        writer.set(cv2.VIDEOWRITER_PROP_PTS, time)
        writer.write(packets.read()[1])
    writer.release()

    # The label changes while the frame of 2.6 s is on screen.
    segments = [Segment(0, 2.8, "Run", 0.9), Segment(2.8, 9, "Sit", 0.9)]
    drawn = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(annotate, "drawn", lambda frame, text: drawn.append(text) or frame)
        annotate.write(path, segments, copy)
    facts = videos.Facts()
    frames = list(videos.decode(copy, facts))
    assert facts.clock() == (25, None)
    assert drawn == ["Run 90%"] * 70 + ["Sit 90%"] * (len(frames) - 70)
    assert len(frames) == 116  # as long as the video, to the end of its last frame
    for at, frame in enumerate(frames):
        shown = max(time for time in times if time <= at)
        assert abs(frame.mean() - 2 * shown) < 8  # the slow ones differ by 20


def test_joints_are_drawn_on_the_copy_of_their_file(tmp_path):
    joints = np.zeros((20, 3, 45))
    joints[:, 0], joints[:, 1] = (
        np.linspace(-0.5, 0.5, 20)[:, None],
        np.linspace(-1, 1, 20)[:, None],
    )
    joints[:, 2], joints[..., :15] = 3, 0  # nobody is there for half a second
    path, copy = tmp_path / "a1_s1_t1_skeleton.mat", tmp_path / "copy.mp4"
    scipy.io.savemat(path, {"d_skel": joints})
    segments = [Segment(0, 1, "Run", 0.9), Segment(1, 9, "Sit", 0.9)]
    annotate.write(path, segments, copy, Skeletons("utd_mhad", people=1))
    facts = videos.Facts()
    frames = np.stack(list(videos.decode(copy, facts)))
    assert (frames.shape, facts.fps) == ((45, annotate.SIDE, annotate.SIDE, 3), 30)
    below = frames[:, 60:].min(axis=(1, 2, 3))  # the label is above
    assert (below[:15] > 200).all() and (below[15:] < 120).all()
    assert not np.array_equal(frames[20, :60], frames[40, :60])

    path.write_bytes(b"joints")
    with pytest.raises(VideoError, match=r"not a .mat file that can be read"):
        annotate.write(path, segments, tmp_path / "b.mp4", Skeletons("utd_mhad", people=1))
    assert not (tmp_path / "b.mp4").exists()


def test_odd_sides_get_a_black_line(tmp_path):
    folder = tmp_path / "f"
    folder.mkdir()
    for i in range(3):
        cv2.imwrite(str(folder / f"{i}.png"), np.full((61, 97, 3), 200, np.uint8))
    segments = [Segment(0, 9, "Run", 0.9)]
    annotate.write(folder, segments, tmp_path / "f.mp4")
    first, *_ = frames = list(videos.decode(tmp_path / "f.mp4"))
    assert len(frames) == 3
    assert first.shape == (62, 98, 3)
    assert first[:, 97].mean() < 60 < 150 < first[:60, 90].mean()


def test_a_copy_that_was_cut_off_is_no_success(video, tmp_path, monkeypatch):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (3000, limits[1]))  # what a full disk does
        with pytest.raises(OSError, match=r"copy.mp4 could not be written: "):
            annotate.write(video, [Segment(0, 9, "Run", 1.0)], tmp_path / "copy.mp4")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [p.name for p in tmp_path.glob("*copy*")] == []

    encode = annotate._encode
    monkeypatch.setattr(annotate, "_encode", lambda *arguments: 1 + encode(*arguments))
    with pytest.raises(OSError, match=r"copy.mp4 could not be written whole"):
        annotate.write(video, [Segment(0, 9, "Run", 1.0)], tmp_path / "copy.mp4")
    assert [p.name for p in tmp_path.glob("*copy*")] == []


def test_characters_are_drawn_as_themselves_where_a_font_has_them(monkeypatch):
    frame = np.full((240, 320, 3), 128, np.uint8)
    texts = ["Бег 90%", "Бёг 90%", "??? 90%", "ßßß 90%"]
    for only_ascii in (False, True):  # OpenCV 4 draws no others
        if only_ascii:
            monkeypatch.setattr(annotate, "_is_drawn", str.isascii)
        images = [annotate.drawn(frame, text) for text in texts]
        for i, image in enumerate(images):
            assert not any(np.array_equal(image, other) for other in images[:i])


def test_characters_without_a_font_are_shown_by_their_code(monkeypatch):
    frame = np.full((240, 320, 3), 128, np.uint8)
    monkeypatch.setattr(annotate, "_is_drawn", str.isascii)
    monkeypatch.setattr(annotate.fonts, "missing", lambda text: {c for c in text if c > "~"})
    shown = annotate.drawn(frame, "跑 90%")
    np.testing.assert_array_equal(shown, annotate.drawn(frame, r"\u8dd1 90%"))
    shown = annotate.drawn(frame, "\udcff 90%")
    np.testing.assert_array_equal(shown, annotate.drawn(frame, r"\udcff 90%"))


@pytest.mark.parametrize("label", ["A long label", "Длинное имя"])
@pytest.mark.parametrize(("height", "width"), [(240, 320), (48, 36), (1080, 1920)])
def test_a_label_fits_in_its_frame(height, width, label, monkeypatch):
    monkeypatch.setattr(annotate, "_is_drawn", str.isascii)
    frame = np.full((height, width, 3), 128, np.uint8)
    drawn = annotate.drawn(frame, f"{label} 100%")
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
    assert annotate._encode(copy, frames, fps) == 5
    facts = videos.Facts()
    assert len(list(videos.decode(copy, facts))) == 5
    assert facts.fps == pytest.approx(fps, rel=1e-3)
