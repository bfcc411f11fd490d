import numpy as np
import pytest

from jaxvid.data.skeleton_files import FORMATS, read_msr_action3d
from jaxvid.data.video import VideoError
from jaxvid.skeletons import SKELETONS

# The joints of a file in its order, and the edges between their numbers from 1 that the drawing
# code beside the dataset has.
JOINTS = (
    *("left_shoulder", "right_shoulder", "shoulder_center", "spine", "left_hip", "right_hip"),
    *("hip_center", "left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hand"),
    *("right_hand", "left_knee", "right_knee", "left_ankle", "right_ankle", "left_foot"),
    *("right_foot", "head"),
)
EDGES = (
    *((20, 3), (1, 3), (2, 3), (1, 8), (8, 10), (10, 12), (2, 9), (9, 11), (11, 13), (3, 4)),
    *((4, 7), (7, 5), (7, 6), (5, 14), (6, 15), (14, 16), (16, 18), (15, 17), (17, 19)),
)


def lines(*frames: float, joints: int = 20) -> str:
    """Joint j of the file is at (j + 1, value, 3), with confidence 0, in the frame of a value."""
    return "".join(f"{j + 1} {y:f} 3.000000 0.000000\r\n" for y in frames for j in range(joints))


@pytest.fixture
def read(tmp_path):
    def write_and_read(text, people=2):
        path = tmp_path / "a01_s01_e01_skeleton3D.txt"
        path.write_bytes(text.encode("latin-1"))
        return read_msr_action3d(path, people)

    return write_and_read


def test_joints_are_found_by_name(read):
    stored = read(lines(0.5, -0.25))
    assert (stored.shape, stored.dtype) == ((2, 2, 20, 3), np.float32)
    names = SKELETONS[FORMATS["msr_action3d"].joints].joints
    for place, joint in enumerate(names):
        assert stored[:, 0, place].tolist() == [
            [1 + JOINTS.index(joint), 0.5, 3],
            [1 + JOINTS.index(joint), -0.25, 3],
        ]
    assert np.isnan(stored[:, 1]).all()


def test_edges_are_those_of_the_dataset():
    skeleton = SKELETONS[FORMATS["msr_action3d"].joints]
    named = {frozenset(skeleton.joints[j] for j in edge) for edge in skeleton.edges}
    assert named == {frozenset(JOINTS[j - 1] for j in edge) for edge in EDGES}


def test_joints_of_zeros_are_missing_and_those_of_no_confidence_are_not(read):
    zeros = "0.000000 0.000000 0.000000 0.000000\n"
    stored = read(zeros * 20 + "\n" + lines(0.5) + zeros + lines(0.5).split("\n", 1)[1], people=1)
    missing = np.isnan(stored[:, 0]).all(axis=-1)
    assert missing[0].all() and not missing[1].any()
    names = SKELETONS[FORMATS["msr_action3d"].joints].joints
    assert [names[i] for i in np.flatnonzero(missing[2])] == ["left_shoulder"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("\n\n", "its 0 lines are no whole frames of 20 joints"),
        (lines(1, 2, joints=15), "its 30 lines are no whole frames of 20 joints"),
        (lines(1)[:-5] + "x\n", "line 20 does not parse"),
        (lines(1) + "1 2 3\n", "line 21 has 3 numbers, not 4"),
        (lines(np.nan) * 2, "no joint in any of its frames: all are NaN or zeros"),
        ("0 0 0 0\n" * 40, "no joint in any of its frames: all are NaN or zeros"),
        ("\0" * 64, "line 1 does not parse"),
        ("é", "line 1 does not parse"),
    ],
)
def test_bad_files_are_said_to_be_so(read, text, message):
    with pytest.raises(VideoError, match=message):
        read(text)
