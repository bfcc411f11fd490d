"""Commands on a model that reads files of joints: no video is anywhere."""

import csv
import json
from itertools import product
from pathlib import Path

import cv2
import numpy as np
import pytest
import scipy.io

from jaxvid import main as command
from jaxvid.config import files as config_files
from jaxvid.data import video
from jaxvid.experiment import experiment as experiments

FIELDS = {
    "data.num_frames": 8,
    "data.workers": 1,
    "data.threads": 1,
    "data.people": 1,
    "model.width": 0.125,
    "model.layers_per_stage": 1,
    "eval.batch_size": 8,
}


def run(mode: str, *arguments) -> int:
    return command.main(["jaxvid", f"--mode={mode}", *map(str, arguments)])


def write(path: Path, frames: int) -> None:
    """Writes joints of somebody who stands, of UTD-MHAD's form, and moves a hand."""
    joints = np.random.default_rng(frames).uniform(-1, 1, (20, 3))[..., None] + np.zeros(frames)
    joints[11, 1] += 0.3 * np.sin(np.arange(frames) / 5)
    scipy.io.savemat(path, {"d_skel": joints})


@pytest.fixture
def workdir(tmp_path, saved) -> Path:
    """The folder of a run on two classes of two training and two test subjects."""
    (tmp_path / "data").mkdir()
    for action, subject in product((1, 2), (1, 2, 3, 4)):
        write(tmp_path / "data" / f"a{action}_s{subject}_t1_skeleton.mat", 40 + subject)
    config = config_files.load("st_gcn:utd_mhad")
    config.update_from_flattened_dict(FIELDS)
    config.data.root, config.data.cache = str(tmp_path / "data"), str(tmp_path / "cache")
    config.data.classes = ("right arm swipe to the left", "right arm swipe to the right")
    saved(experiments.open_experiment(config), tmp_path / "run")
    return tmp_path / "run"


def test_long_joints_have_a_timeline_and_a_drawn_copy(workdir, tmp_path, capsys):
    path, table = tmp_path / "long_skeleton.mat", tmp_path / "t.csv"
    write(path, 30 * 60)
    given = (f"--workdir={workdir}", path, "--timeline", "--config.windows.length=2.0")
    assert run("predict", *given, f"--output={table}", f"--annotate={tmp_path / 'copies'}") == 0
    with table.open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["start"]) for row in rows] == list(range(0, 60, 2))
    assert [float(row["end"]) for row in rows] == list(range(2, 62, 2))
    facts = video.Facts()
    copy = tmp_path / "copies" / "long_skeleton.mat.mp4"
    assert len(list(video.decode(copy, facts))) == 30 * 60
    assert facts.fps == 30


def test_folders_of_joints_are_labelled_and_what_is_none_is_named(workdir, tmp_path, capsys):
    folder = tmp_path / "new"
    folder.mkdir()
    write(folder / "a_skeleton.mat", 50)
    (folder / "b_skeleton.mat").write_text("no joints")
    for name in ("a_inertial.mat", "c.mp4"):
        (folder / name).touch()
    items = tmp_path / "labels.json"
    assert run("predict", f"--workdir={workdir}", folder, f"--output={items}") == 1
    said = capsys.readouterr().err
    assert "b_skeleton.mat: not a .mat file that can be read" in said
    assert [item["video"] for item in json.loads(items.read_text())] == [
        str(folder / "a_skeleton.mat")
    ]
    assert run("predict", f"--workdir={workdir}", folder / "c.mp4") == 2
    [line] = capsys.readouterr().err.strip().splitlines()
    assert "reads joints and no videos: it must be a file that ends in _skeleton.mat" in line


def test_reports_and_previews_show_joints(workdir, capsys, reports):
    assert run("eval", f"--workdir={workdir}") == 0
    page = (workdir / "report.html").read_text(encoding="utf-8")
    moving = json.loads(page.partition('id="pictures">')[2].partition("</script>")[0])
    assert [clip[1] for clip in moving] == [8] * 4
    assert all(clip[0].startswith("data:image/webp") for clip in moving)
    given = ("--config=st_gcn:utd_mhad", f"--config.data.root={workdir.parent / 'data'}")
    given += tuple(f"--config.{name}={value}" for name, value in FIELDS.items())
    given += (
        f"--config.data.cache={workdir.parent / 'cache'}",
        f"--workdir={workdir.parent / 'b'}",
    )
    assert run("preview", *given) == 0
    assert "skeleton 8x1x20x3 float32 a clip" in capsys.readouterr().out
    assert cv2.imread(str(workdir.parent / "b" / "preview.png")).std() > 5
