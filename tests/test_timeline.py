import csv
import json
import math
import re
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from jaxvid import annotate, timeline
from jaxvid import experiment as experiments
from jaxvid import main as command
from jaxvid.data import video as videos
from jaxvid.timeline import Segment, Spans

pytestmark = pytest.mark.usefixtures("shallow")
NAMES = ("Run", "Sit")


def run(*arguments) -> int:
    return command.main(["jaxvid", "--mode=predict", *map(str, arguments)])


@pytest.fixture
def workdir(tiny, saved, tmp_path) -> Path:
    saved(experiments.open_experiment(tiny), tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture
def video(tiny, tmp_path) -> Path:
    source = next((Path(tiny.data.root) / "UCF-101" / "SitDown").glob("*.avi"))
    return Path(shutil.copy(source, tmp_path / "a.avi"))


def spans(times, shares):
    return Spans(np.array(times, float), np.array([[share, 1 - share] for share in shares]))


def test_neighbours_of_one_label_are_one_segment():
    side_by_side = spans([[0, 2], [2, 4], [4, 6], [5, 7]], [0.9, 0.7, 0.2, 0.3])
    assert side_by_side.segments(NAMES) == [
        Segment(0.0, 4.0, "Run", pytest.approx(0.8)),
        Segment(4.0, 7.0, "Sit", pytest.approx(0.75)),
    ]
    # Of windows that overlap, each has what is nearest to its middle.
    overlapping = spans([[0, 2], [0.5, 2.5], [1, 3]], [0.9, 0.1, 0.8])
    assert [(s.start, s.end) for s in overlapping.segments(NAMES)] == [
        (0.0, 1.25),
        (1.25, 1.75),
        (1.75, 3.0),
    ]
    (one,) = spans([[0, 1.5]], [0.6]).segments(NAMES)
    assert (one.start, one.end, one.label) == (0.0, 1.5, "Run")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00.0"), (59.96, "1:00.0"), (754.25, "12:34.2"), (3661, "1:01:01.0")],
)
def test_times_are_read_from_a_clock(seconds, text):
    assert timeline.clock(seconds) == text


def test_windows_are_labelled_and_drawn_on_a_copy(workdir, video, tmp_path, capsys):
    given = (f"--workdir={workdir}", video, "/nowhere.mp4", "--timeline")
    given += ("--config.windows.length=0.5", "--config.windows.stride=0.25")
    table, items = tmp_path / "t.csv", tmp_path / "t.json"
    assert run(*given, f"--output={table}", f"--annotate={tmp_path / 'copies'}") == 1
    printed = capsys.readouterr()
    assert "skipped /nowhere.mp4: it does not exist" in printed.err
    assert re.search(r"a\.avi\s+│\s+0:00\.0 │", printed.out)
    with table.open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["video", "start", "end", "label", "probability"]
    assert float(rows[1]["start"]) == pytest.approx(0.25, abs=0.05)
    assert {row["label"] for row in rows} <= {"SitDown", "StandUp"}
    assert all(0.5 <= float(row["probability"]) <= 1 for row in rows)

    copy = tmp_path / "copies" / "a.avi.mp4"
    before, after = list(videos.decode(video)), list(videos.decode(copy))
    assert (len(after), after[0].shape) == (len(before), before[0].shape)
    assert videos.frames_per_second(copy) == pytest.approx(videos.frames_per_second(video))
    assert np.abs(after[3][-20:].astype(int) - before[3][-20:]).mean() < 10  # nothing drawn there

    assert run(*given, f"--annotate={tmp_path / 'copies'}") == 2
    assert "a.avi.mp4 exists already" in capsys.readouterr().err
    assert run(*given, f"--output={items}") == 1
    assert json.loads(items.read_text())[0] == {
        **rows[0],
        **{name: float(rows[0][name]) for name in ("start", "end", "probability")},
    }


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


def test_a_stream_is_labelled_as_it_comes(workdir, video, tmp_path, capsys):
    given = (f"--workdir={workdir}", "--config.windows.stride=0.2", "--top=1")
    whole, log = tmp_path / "whole.csv", tmp_path / "log.csv"
    assert run(*given, video, "--timeline", f"--output={whole}") == 0
    capsys.readouterr()
    assert run(*given, f"file://{video}", f"--output={log}") == 0
    rows, expected = (list(csv.reader(path.open())) for path in (log, whole))
    assert [row[3] for row in rows] == [row[3] for row in expected]
    for row, other in zip(rows[1:], expected[1:], strict=True):
        assert row[0] == f"file://{video}"
        assert [float(row[i]) for i in (1, 2, 4)] == pytest.approx(
            [float(other[i]) for i in (1, 2, 4)], abs=1e-3
        )
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(rows)  # without the header, with where they are
    assert lines[0].startswith("0:00.0 - 0:")
    assert run(*given, f"file://{video}", f"--output={log}") == 2
    assert "exists already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["webcam:99"], "webcam:99 cannot be opened"),
        (["file:///nowhere.mp4"], "nowhere.mp4 cannot be opened"),
        (["webcam:0", "x.mp4"], "webcam:0 is labelled alone"),
        (["webcam:0", "--output=x.json"], "ends in .csv is wanted"),
    ],
)
def test_streams_that_cannot_be_read_are_one_line(workdir, capsys, given, message):
    assert run(f"--workdir={workdir}", *given) == 2
    (said,) = capsys.readouterr().err.strip().splitlines()
    assert message in said
