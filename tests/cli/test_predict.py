import csv
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from jaxvid import main as command
from jaxvid.cli.printing import clock
from jaxvid.data import loading
from jaxvid.data import video as decoding
from jaxvid.experiment import experiment as experiments
from jaxvid.inference import annotate, video_files

pytestmark = pytest.mark.usefixtures("shallow")


def run(*arguments) -> int:
    return command.main(["jaxvid", "--mode=predict", *map(str, arguments)])


@pytest.fixture
def workdir(tiny, saved, tmp_path) -> Path:
    saved(experiments.open_experiment(tiny), tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture
def videos(tiny, tmp_path) -> Path:
    """Three videos in two folders, one of which does not decode."""
    source = Path(tiny.data.root) / "UCF-101" / "SitDown"
    folder = tmp_path / "videos"
    (folder / "inside").mkdir(parents=True)
    shutil.copy(next(source.glob("*g01_c01.avi")), folder / "b.avi")
    shutil.copy(next(source.glob("*g02_c01.avi")), folder / "inside" / "[a].AVI")
    (folder / "c.mp4").write_bytes(b"\0" * 5000)
    (folder / "notes.txt").write_text("no video")
    return folder


@pytest.fixture
def video(tiny, tmp_path) -> Path:
    source = next((Path(tiny.data.root) / "UCF-101" / "SitDown").glob("*.avi"))
    return Path(shutil.copy(source, tmp_path / "a.avi"))


def test_files_and_folders_are_labelled_without_the_dataset(
    workdir, videos, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(loading, "load", None)
    config = json.loads((workdir / "config.json").read_text())
    config["data"]["root"] = "/nowhere"
    (workdir / "config.json").write_text(json.dumps(config))

    table = tmp_path / "labels.csv"
    assert run(f"--workdir={workdir}", videos, "--top", "1", f"--output={table}") == 1
    printed = capsys.readouterr()
    assert f"skipped {videos / 'c.mp4'}: not a video that FFmpeg can open" in printed.err
    assert "notes.txt" not in printed.err
    assert f"the labels of 2 videos are in {table}" in printed.out
    with table.open() as file:
        rows = list(csv.DictReader(file))
    assert [row["video"] for row in rows] == [str(videos / "b.avi"), str(videos / "inside/[a].AVI")]
    for row in rows:
        shares = {name: float(row[name]) for name in ("SitDown", "StandUp")}
        assert sum(shares.values()) == pytest.approx(1, abs=1e-5)
        assert float(row["probability"]) == max(shares.values())
        assert row["predicted"] == max(shares, key=shares.get)
        assert f"{row['video']} │ {row['predicted']}" in " ".join(printed.out.split())

    items = tmp_path / "labels.json"
    assert run(f"--workdir={workdir}", videos / "b.avi", f"--output={items}") == 0
    (item,) = json.loads(items.read_text())
    assert item["video"] == rows[0]["video"]
    assert item["probabilities"] == pytest.approx(
        {name: float(rows[0][name]) for name in ("SitDown", "StandUp")}, abs=2e-6
    )
    assert item["top"][0] == {
        "label": rows[0]["predicted"],
        "probability": max(item["probabilities"].values()),
    }
    assert len(item["top"]) == 2  # of the five asked for

    before = items.read_bytes()
    capsys.readouterr()
    assert run(f"--workdir={workdir}", videos, f"--output={items}") == 2
    assert f"--output={items} exists already" in capsys.readouterr().err
    assert items.read_bytes() == before

    new = tmp_path / "new.json"
    assert run(f"--workdir={workdir}", videos / "c.mp4", f"--output={new}") == 2
    (said,) = capsys.readouterr().err.strip().splitlines()
    assert (
        said == f"error: {videos / 'c.mp4'}: not a video that FFmpeg can open: moov atom not found"
    )
    assert run(f"--workdir={workdir}", videos / "c.mp4", "/nowhere", f"--output={new}") == 2
    assert "none of the 2 videos can be read" in capsys.readouterr().err
    assert not new.exists()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "no video is named: name files or folders"),
        (["/nowhere/x.mp4"], "/nowhere/x.mp4: it does not exist"),
        (["{videos}", "--output=labels.txt"], "must end in .csv or .json"),
        (["{videos}", "--top=0"], "--top=0: must be at least 1"),
        (["{videos}", "--config.eval.shuffle_frames=true"], "keeps frames in order"),
        (["{videos}", "--config.model.pooling=last"], "the model in .* is another one"),
        (["{videos}"], "has no checkpoint: train there first"),
        (["--mode=eval", "--top=3"], "--top is a flag of predict"),
    ],
)
def test_wrong_input_is_said_before_anything_is_decoded(
    tiny_file, videos, tmp_path, capsys, monkeypatch, given, message
):
    monkeypatch.setattr(video_files, "infer", None)
    workdir = tmp_path / "run"
    workdir.mkdir()
    shutil.copy(tiny_file.with_suffix(".json"), workdir / "config.json")
    (workdir / "dataset.json").write_text('{"class_names": ["SitDown", "StandUp"]}')
    assert run(f"--workdir={workdir}", *(each.format(videos=videos) for each in given)) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 1
    assert re.search(message, said[0])


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
    before, after = list(decoding.decode(video)), list(decoding.decode(copy))
    assert (len(after), after[0].shape) == (len(before), before[0].shape)
    assert decoding.frames_per_second(copy) == pytest.approx(decoding.frames_per_second(video))
    assert np.abs(after[3][-20:].astype(int) - before[3][-20:]).mean() < 10  # nothing drawn there

    assert run(*given, f"--annotate={tmp_path / 'copies'}") == 2
    assert "a.avi.mp4 exists already" in capsys.readouterr().err
    assert run(*given, f"--output={items}") == 1
    assert json.loads(items.read_text())[0] == {
        **rows[0],
        **{name: float(rows[0][name]) for name in ("start", "end", "probability")},
    }


def test_a_copy_that_fails_is_named(workdir, video, tmp_path, capsys, monkeypatch):
    def broken(*_):
        raise decoding.VideoError("no codec")

    monkeypatch.setattr(annotate, "write", broken)
    assert run(f"--workdir={workdir}", video, f"--annotate={tmp_path / 'copies'}") == 1
    assert f"no copy of {video}: no codec" in capsys.readouterr().err


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


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00.0"), (59.96, "1:00.0"), (754.25, "12:34.2"), (3661, "1:01:01.0")],
)
def test_times_are_read_from_a_clock(seconds, text):
    assert clock(seconds) == text
