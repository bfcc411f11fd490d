import csv
import shutil
from pathlib import Path

import pytest

from jaxvid import main as command
from jaxvid.experiment import experiment as experiments

pytestmark = pytest.mark.usefixtures("shallow")


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
        (["webcam:0", "--output=x.json"], "must end in .csv"),
    ],
)
def test_streams_that_cannot_be_read_are_one_line(workdir, capsys, given, message):
    assert run(f"--workdir={workdir}", *given) == 2
    (said,) = capsys.readouterr().err.strip().splitlines()
    assert message in said
