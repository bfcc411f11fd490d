import csv
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from jaxvid import main as command
from jaxvid.data import video as videos
from jaxvid.errors import UserError
from jaxvid.experiment import experiment as experiments
from jaxvid.inference import features, live, timeline
from jaxvid.inference.timeline import Segment, Spans

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


def test_windows_are_for_networks(tiny, tmp_path):
    tiny.model.system = "sift"
    with pytest.raises(UserError, match="--timeline labels windows with a network"):
        timeline.predict(tiny, tmp_path, [])
    with pytest.raises(UserError, match="--mode=features reads a network's activations"):
        features.run(tiny, tmp_path, ["x.mp4"], str(tmp_path / "new"))
    with pytest.raises(UserError, match="the system sift has none"):
        live.run(tiny, tmp_path, "webcam:0", None, top=1)
