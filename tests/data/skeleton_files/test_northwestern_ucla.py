import json

import numpy as np
import pytest

from jaxvid.data.skeleton_files import FORMATS, read_northwestern_ucla
from jaxvid.data.video import VideoError
from jaxvid.skeletons import SKELETONS


def frame(time: float, joints: int = 20) -> list[list[float]]:
    """Joint j is at (j + 1, time, 3)."""
    return [[j + 1, time, 3] for j in range(joints)]


@pytest.fixture
def read(tmp_path):
    def write_and_read(*frames, people=2, **changed):
        path = tmp_path / "a01_s01_e00_v01.json"
        about = {"file_name": path.stem, "skeletons": frames, "label": 1}
        path.write_text(json.dumps(about | changed))
        return read_northwestern_ucla(path, people)

    return write_and_read


def test_joints_are_in_the_order_of_kinects_sdk(read):
    stored = read(frame(0.5), frame(0.75))
    assert (stored.shape, stored.dtype) == ((2, 2, 20, 3), np.float32)
    assert stored[0, 0, :, 0].tolist() == list(range(1, 21))
    assert stored[:, 0, 7, 1].tolist() == [0.5, 0.75]
    assert np.isnan(stored[:, 1]).all()
    names = SKELETONS[FORMATS["northwestern_ucla"].joints].joints
    assert [names[i] for i in (0, 2, 3, 7, 11, 15, 19)] == [
        *("hip_center", "shoulder_center", "head", "left_hand", "right_hand"),
        *("left_foot", "right_foot"),
    ]


def test_one_frame_is_a_sequence(read):
    assert read(frame(0.5), people=1).shape == (1, 1, 20, 3)


def test_frames_without_a_person_are_missing(read):
    odd = frame(0.5)
    odd[3], odd[4], odd[5] = [0, 0, 0], [float("nan"), 1, 2], [None, None, None]
    stored = read([], frame(0.5), [[0, 0, 0]] * 20, odd, people=1)[:, 0]
    assert np.isnan(stored[[0, 2]]).all() and not np.isnan(stored[1]).any()
    assert np.flatnonzero(np.isnan(stored[3]).all(axis=-1)).tolist() == [3, 4, 5]


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        ((), "no person in any of its frames"),
        (([], []), "no joint in any of its frames"),
        (([[0, 0, 0]] * 20,), "no joint in any of its frames"),
        ((frame(1), frame(1, joints=25)), r"frame 1 has the shape \(25, 3\), not \(20, 3\)"),
        ((frame(1, joints=40),), r"frame 0 has the shape \(40, 3\), not \(20, 3\)"),
        (([[1, 2]] * 20,), r"the shape \(20, 2\)"),
        (([[1, 2, 3], [1]] * 10,), "not a whole .json file of Northwestern-UCLA"),
        (([["x", 2, 3]] * 20,), "not a whole .json file of Northwestern-UCLA"),
        ((7,), r"frame 0 has the shape \(\), not"),
    ],
)
def test_what_holds_no_joints_is_said_to_be_so(read, frames, message):
    with pytest.raises(VideoError, match=message):
        read(*frames)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("{", "not a whole .json file of Northwestern-UCLA"),
        ("[]", "not a whole .json file of Northwestern-UCLA"),
        ('{"data": []}', "not a whole .json file of Northwestern-UCLA: KeyError: 'skeletons'"),
        ('{"skeletons": 3}', "not a whole .json file of Northwestern-UCLA"),
        ('{"skeletons": null}', "not a whole .json file of Northwestern-UCLA"),
        ("[" * 100_000, "not a whole .json file of Northwestern-UCLA"),
    ],
)
def test_what_is_no_such_file_is_said_to_be_so(tmp_path, text, message):
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(VideoError, match=message):
        read_northwestern_ucla(path, people=1)
