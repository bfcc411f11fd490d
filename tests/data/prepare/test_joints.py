"""Preparation of files of joints, with the oddities that datasets of skeletons have."""

import json
from pathlib import Path

import numpy as np
import pytest

from jaxvid.data.datasets import Dataset, northwestern_ucla
from jaxvid.data.modalities import Skeletons
from jaxvid.data.prepare import preparation
from jaxvid.errors import UserError

MODALITY = Skeletons("northwestern_ucla", people=2)


@pytest.fixture
def odd(tmp_path) -> Dataset:
    """A sequence of three views: the second one a copy, the third empty. And three odd ones."""
    rng = np.random.default_rng(0)
    joints = rng.uniform(-1, 1, (4, 20, 3))
    gap = joints[::-1].copy()
    gap[1:3] = 0
    gap[3, :5] = 0
    files = {
        "a01_s01_e00_v01": joints,
        "a01_s01_e00_v02": joints,
        "a02_s01_e00_v01": joints[:1],
        "a02_s01_e00_v03": gap,
        "a03_s01_e00_v03": gap * 0,
    }
    for name, frames in files.items():
        content = {"file_name": name, "skeletons": frames.tolist(), "label": 1}
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    (tmp_path / "a01_s01_e00_v03.json").touch()
    return northwestern_ucla.read(tmp_path, 1)


def test_the_report_names_each_oddity(odd, tmp_path, caplog):
    folder = preparation.prepare(odd, MODALITY, tmp_path / "cache", workers=1)
    report = json.loads((folder / "report.json").read_text())
    assert report["copies"] == [["a01_s01_e00_v01.json", "a01_s01_e00_v02.json"]]
    assert report["copies_in_both_splits"] == []
    assert report["one_frame"] == ["a02_s01_e00_v01.json"]
    assert report["empty"] == {"a02_s01_e00_v03.json": 2}
    assert report["people"] == {"1": 4}
    # Of 20 joints in 4, 4, 1 and 2 frames; one of them lacks 5.
    assert report["missing_joints"] == pytest.approx(5 / 220)
    assert report["failures"] == {
        "the file is empty": ["a01_s01_e00_v03.json"],
        "no joint in any of its frames: all are NaN or zeros": ["a03_s01_e00_v03.json"],
    }
    assert "skipped a01_s01_e00_v03.json: the file is empty" in caplog.text
    assert preparation.check(odd, MODALITY, workers=1) == report


def test_files_of_another_dataset_are_said_to_be_so(odd, tmp_path):
    """The files of MSR Action3D, say, under names of Northwestern-UCLA."""
    for path in tmp_path.glob("*.json"):
        Path(path).write_text("-0.37 0.37 2.67 1.0\n" * 20)
    with pytest.raises(UserError, match=r"none of the 6 videos .* not a whole .json file of North"):
        preparation.prepare(odd, MODALITY, tmp_path / "cache", workers=1)
