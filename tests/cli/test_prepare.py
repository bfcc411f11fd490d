import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from jaxvid import main as command
from jaxvid.data.prepare import report


@pytest.fixture
def videos(tmp_path) -> Path:
    """Two classes of four videos, two of which are no videos."""
    folder = tmp_path / "videos"
    for number in range(4):
        for name in ("a", "b"):
            path = folder / name / f"{number}.avi"
            path.parent.mkdir(parents=True, exist_ok=True)
            code = cv2.VideoWriter_fourcc(*"MJPG")
            writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, code, 25, (64, 48))
            for t in range(9):
                writer.write(np.full((48, 64, 3), 20 * t + number, np.uint8))
            writer.release()
    (folder / "a" / "empty.mp4").touch()
    (folder / "b" / "text.mp4").write_text("no video")
    return folder


@pytest.fixture
def arguments(videos, tmp_path) -> list[str]:
    return [
        *("jaxvid", "--mode=prepare", "--config=li3d_bilstm:folder", "--config.data.workers=1"),
        *(f"--config.data.root={videos}", f"--config.data.cache={tmp_path / 'cache'}"),
    ]


def test_preparing_ends_with_the_report(arguments, tmp_path, capsys):
    file = tmp_path / "report.json"
    assert command.main([*arguments, f"--output={file}"]) == 0
    said = capsys.readouterr().out
    assert "rgb of 8 videos is prepared in" in said
    assert "8 of 10 videos decode" in said
    assert "skipped, the file is empty: 1, a/empty.mp4" in said
    # Copies of a video are of two classes here, and perhaps on both sides.
    assert "sets of copies with two labels: 4, a/0.avi = b/0.avi, " in said
    [prepared] = tmp_path.glob("cache/records/*/*/report.json")
    summary = json.loads(prepared.read_text())
    assert json.loads(file.read_text()) == {"rgb": summary}
    assert summary["frames"] == 8 * 9
    assert prepared.with_name("report.txt").read_text() == report.text(summary)
    # Again, it decodes nothing, and says the same.
    assert command.main(arguments) == 0
    assert capsys.readouterr().out in said


def test_checking_writes_nothing_but_the_report_that_is_asked_for(arguments, tmp_path, capsys):
    before = set(tmp_path.rglob("*"))
    checking = [*arguments, "--config.data.check_only=true"]
    assert command.main(checking) == 0
    assert set(tmp_path.rglob("*")) == before
    said = capsys.readouterr().out
    assert "8 of 10 videos decode" in said
    assert "nothing was written" in said
    file = tmp_path / "report.txt"
    assert command.main([*checking, f"--output={file}"]) == 0
    assert set(tmp_path.rglob("*")) == {*before, file}
    assert file.read_text().splitlines()[0] in said


def test_parts_are_done_one_by_one(arguments, capsys):
    assert command.main([*arguments, "--config.data.part=2/2"]) == 0
    assert "part 2/2 of rgb is prepared in" in capsys.readouterr().out
    assert command.main([*arguments, "--config.data.part=1/2"]) == 0
    assert "8 of 10 videos decode" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--config.data.part=3/2"], "data.part='3/2': must be i/n with i from 1 to n"),
        (["--config.data.part=2"], "data.part='2': must be i/n"),
        (["--config.data.part=a/b"], "data.part='a/b': must be i/n"),
        (["--config.data.part=1/2", "--config.data.check_only=true"], "checks all videos: config"),
        (["--output=report.csv"], "report.csv: must end in .json or .txt"),
        (["--output=tests"], "must end in"),
        (
            ["--mode=train", "--config.data.part=1/2"],
            "part=1/2: only --mode=prepare takes it",
        ),
        (
            ["--mode=train", "--config.data.check_only=true"],
            "check_only=True: only --mode=prepare takes it",
        ),
    ],
)
def test_wrong_input_is_said(arguments, given, message, capsys, tmp_path):
    assert command.main([*arguments, f"--workdir={tmp_path / 'run'}", *given]) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("error: ")
    assert re.search(message, said)


def test_names_need_not_be_text(arguments, videos, tmp_path):
    (videos / "a" / "0.avi").rename(os.fsdecode(bytes(videos) + b"/a/\xff.avi"))
    (videos / "b" / "0.avi").rename(videos / "b" / "line\nbreak 'ü\".avi")
    ran = subprocess.run(
        [sys.executable, "-m", "jaxvid.main", *arguments[1:]],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert ran.returncode == 0, ran.stderr
    assert "7 of 10 videos decode" in ran.stdout
    assert "its name is not UTF-8: rename it: 1, a/\\udcff.avi" in ran.stdout
    [prepared] = tmp_path.glob("cache/records/*/*/report.json")
    failures = json.loads(prepared.read_text())["failures"]
    assert failures["its name is not UTF-8: rename it"] == [os.fsdecode(b"a/\xff.avi")]


def test_no_report_is_overwritten(arguments, tmp_path, capsys):
    (tmp_path / "mine.txt").write_text("mine")
    assert command.main([*arguments, f"--output={tmp_path / 'mine.txt'}"]) == 2
    assert "mine.txt exists already" in capsys.readouterr().err
    assert (tmp_path / "mine.txt").read_text() == "mine"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_it_leaves_nothing_half_written(arguments, videos, tmp_path, number):
    for copy in range(60):  # enough to be met at work
        shutil.copy(videos / "a" / "0.avi", videos / "a" / f"copy{copy}.avi")
    process = subprocess.Popen(
        [sys.executable, "-m", "jaxvid.main", *arguments[1:], "--config.data.modality=flow"],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        start_new_session=True,
    )
    while not list(tmp_path.glob("cache/records/*/.shard-*")):
        assert process.poll() is None
        time.sleep(0.001)
    os.killpg(process.pid, number)  # as a terminal does: to the worker processes, too
    _, said = process.communicate()
    assert process.returncode == 128 + number, said
    assert "Traceback" not in said
    assert not [p for p in tmp_path.glob("cache/records/*/*") if p.name.startswith(".shard")]
    while _lives(process.pid):
        time.sleep(0.01)


def _lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
