import math
import resource
import shutil
import signal
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import scipy.io
from traps import copied_or_aborted

from jaxvid.data import video as videos
from jaxvid.data.modalities import Skeletons
from jaxvid.data.video import VideoError
from jaxvid.inference import annotate, labelled_copy
from jaxvid.inference.timeline import Segment
from jaxvid.runtime.crew import Crew


@pytest.fixture
def video(tiny, tmp_path) -> Path:
    source = next((Path(tiny.data.root) / "UCF-101" / "SitDown").glob("*.avi"))
    return Path(shutil.copy(source, tmp_path / "a.avi"))


@pytest.fixture
def here(monkeypatch) -> None:
    """Copies are written in this process, which a test can change."""
    monkeypatch.setattr(annotate, "_crew", SimpleNamespace(run=lambda task: _run(task)))


def _run(task) -> None:
    for _ in labelled_copy.written(task):
        pass


def test_each_moment_of_a_copy_has_its_label(video, tmp_path, here, monkeypatch):
    drawn = []
    monkeypatch.setattr(labelled_copy, "drawn", lambda frame, text: drawn.append(text) or frame)
    segments = [Segment(0, 0.5, "Run", 0.9), Segment(0.5, 9, "Sit", 0.875)]
    annotate.write(video, segments, tmp_path / "copy.mp4")
    half = math.ceil(videos.frames_per_second(video) / 2)
    assert drawn[:half] == ["Run 90%"] * half
    assert set(drawn[half:]) == {"Sit 88%"}

    (tmp_path / "b.avi").write_bytes(b"")
    with pytest.raises(VideoError, match="the file is empty"):
        annotate.write(tmp_path / "b.avi", segments, tmp_path / "b.mp4")
    assert not (tmp_path / "b.mp4").exists()


def test_a_copy_of_a_varying_rate_shows_each_frame_when_the_video_does(tmp_path, here, monkeypatch):
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
    monkeypatch.setattr(labelled_copy, "drawn", lambda frame, text: drawn.append(text) or frame)
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
    assert (frames.shape, facts.fps) == ((45, labelled_copy.SIDE, labelled_copy.SIDE, 3), 30)
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


def test_a_copy_that_was_cut_off_is_no_success(video, tmp_path, here, monkeypatch):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (3000, limits[1]))  # what a full disk does
        with pytest.raises(OSError, match=r"copy.mp4 could not be written: "):
            annotate.write(video, [Segment(0, 9, "Run", 1.0)], tmp_path / "copy.mp4")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [p.name for p in tmp_path.glob("*copy*")] == []

    encode = labelled_copy._encode

    def one_more(*arguments):
        return 1 + (yield from encode(*arguments))

    monkeypatch.setattr(labelled_copy, "_encode", one_more)
    with pytest.raises(OSError, match=r"copy.mp4 could not be written whole"):
        annotate.write(video, [Segment(0, 9, "Run", 1.0)], tmp_path / "copy.mp4")
    assert [p.name for p in tmp_path.glob("*copy*")] == []


def test_a_video_that_crashes_its_decoder_costs_its_copy_alone(video, tmp_path, monkeypatch):
    monkeypatch.setattr(annotate, "_crew", Crew(copied_or_aborted))
    bad = Path(shutil.copy(video, tmp_path / "abort.avi"))
    with pytest.raises(VideoError, match=r"its decoder crashed \(SIGABRT\)"):
        annotate.write(bad, [Segment(0, 9, "Run", 1.0)], tmp_path / "bad.mp4")
    annotate.write(video, [Segment(0, 9, "Run", 1.0)], tmp_path / "good.mp4")
    assert {p.name for p in tmp_path.glob("*.mp4")} == {"good.mp4"}
    frames = zip(videos.decode(video), videos.decode(tmp_path / "good.mp4"), strict=True)
    assert all(after[:2, :2].mean() < before[:2, :2].mean() - 20 for before, after in frames)
