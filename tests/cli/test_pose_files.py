"""From a pose estimator's files to a graph network, by the command line and from Python."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

import jaxvid
from jaxvid import main as command
from jaxvid.skeletons import SKELETONS

pytestmark = pytest.mark.usefixtures("one_device")

JOINTS = SKELETONS["openpose25"].joints
SMALL = (
    *("--config.model.width=0.125", "--config.model.layers_per_stage=1"),
    *("--config.data.num_frames=8", "--config.data.workers=1", "--config.data.threads=1"),
    *("--config.train.epochs=2", "--config.train.batch_size=8", "--config.eval.batch_size=8"),
)


def write_openpose(folder: Path, raises: bool, seed: int) -> Path:
    """OpenPose's folder of somebody who stands, and who raises the right wrist."""
    rng = np.random.default_rng(seed)
    body = np.random.default_rng(0).uniform(0, 300, (25, 2)) + rng.uniform(50, 300, 2)
    folder.mkdir(parents=True)
    for step in range(12):
        pose = body + rng.normal(0, 1, body.shape)
        pose[JOINTS.index("right_wrist"), 1] -= 12 * step * raises
        numbers = np.column_stack([pose, rng.uniform(0.3, 1, 25)])
        numbers[rng.integers(25)] = 0  # a joint that was not found
        people = [{"person_id": [-1], "pose_keypoints_2d": numbers.ravel().round(3).tolist()}]
        path = folder / f"{folder.name}_{step:012}_keypoints.json"
        path.write_text(json.dumps({"version": 1.3, "people": people}))
    return folder


@pytest.fixture
def poses(tmp_path) -> Path:
    for number in range(4):
        for label in ("raise", "stand"):
            write_openpose(tmp_path / "poses" / label / f"v{number}", label == "raise", number)
    return tmp_path / "poses"


def test_a_folder_of_openposes_clips_trains_a_network_that_labels_more(poses, tmp_path, capsys):
    workdir, table = tmp_path / "run", tmp_path / "labels.csv"
    given = [f"--config.data.root={poses}", f"--config.data.cache={tmp_path}", *SMALL]
    train = ["jaxvid", "train", "st_gcn:folder,scale=small", f"--workdir={workdir}", *given]
    assert command.main(train) == 0
    config = json.loads((workdir / "config.json").read_text())
    assert config["model"]["skeleton"] == "openpose25"
    assert "folder, 2 classes, 6 training and 2 test videos" in capsys.readouterr().out
    assert command.main(train) == 0  # the same run, of the skeleton that was found

    more = write_openpose(tmp_path / "more" / "new", True, 9)
    other = tmp_path / "more" / "other.json"
    instance = {"keypoints": [[1, 2]] * 17, "keypoint_scores": [1] * 17}
    other.write_text(json.dumps([{"frame_id": 0, "instances": [instance]}]))
    (tmp_path / "more" / "clip.mp4").touch()
    predict = ["jaxvid", "predict", str(workdir), str(tmp_path / "more"), f"--output={table}"]
    assert command.main(predict) == 1
    message = f"skipped {other}: it has the 17 joints of coco17, and config.model.skeleton="
    assert message in capsys.readouterr().err.replace("\n", " ")
    with table.open() as file:
        [row] = csv.DictReader(file)
    model = jaxvid.load(workdir)
    labels = dict(model.predict(str(more)))
    assert labels["raise"] == pytest.approx(float(row["raise"]), abs=1e-5)
    assert model.preprocess(str(more)).shape == (8, 2, 25, 3)
    assert model.features(str(more))["embedding"].shape[0] == 1


def test_one_line_says_what_is_wrong_with_the_files(poses, capsys):
    def said(*given: str) -> str:
        assert command.main(["jaxvid", "prepare", "st_gcn:folder,scale=small", *given]) == 2
        [line] = capsys.readouterr().err.splitlines()
        return line

    root = f"--config.data.root={poses}"
    turned = said(root, "--config.data.rotation=10")
    assert "rotation=10.0: the joints of config.model.skeleton=openpose25 are places in a" in turned
    for path in poses.rglob("*.json"):
        path.write_text('{"people": []}')
    assert said(root).endswith("joints can be read; raise/v0: no person in any of its frames")
    named = said(root, "--config.model.skeleton=openpose25", "--config.data.check_only=true")
    assert "none of the 8 videos" in named and "no person in any of its frames" in named
    assert said().endswith("config.data.root is empty: where is folder?")
    assert "keypoint_score=1.5: must be at least 0 and below 1" in said(
        root, "--config.data.keypoint_score=1.5"
    )
