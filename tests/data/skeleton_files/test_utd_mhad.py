import numpy as np
import pytest
import scipy.io

from jaxvid.data.skeleton_files import FORMATS, read_utd_mhad
from jaxvid.data.video import VideoError
from jaxvid.skeletons import SKELETONS

# As the dataset's Skeleton_joint_order.txt lists them.
JOINTS = (
    *("head", "shoulder_center", "spine", "hip_center"),
    *(f"{s}_{name}" for s in ("left", "right") for name in ("shoulder", "elbow", "wrist", "hand")),
    *(f"{s}_{name}" for s in ("left", "right") for name in ("hip", "knee", "ankle", "foot")),
)


def moving(frames: int) -> np.ndarray:
    """Joint j of the file is at (j + 1, t, 3) in frame t."""
    joints = np.full((20, 3, frames), 3.0)
    joints[:, 0] = np.arange(1, 21)[:, None]
    joints[:, 1] = np.arange(frames)
    return joints


@pytest.fixture
def read(tmp_path):
    def write_and_read(people=2, **arrays):
        path = tmp_path / "a1_s1_t1_skeleton.mat"
        scipy.io.savemat(path, arrays)
        return read_utd_mhad(path, people)

    return write_and_read


def test_joints_are_found_by_name(read):
    stored = read(d_skel=moving(5))
    assert (stored.shape, stored.dtype) == ((5, 2, 20, 3), np.float32)
    names = SKELETONS[FORMATS["utd_mhad"].joints].joints
    for place, joint in enumerate(names):
        assert (stored[:, 0, place, 0] == 1 + JOINTS.index(joint)).all()
        assert stored[:, 0, place, 1].tolist() == [0, 1, 2, 3, 4]
    assert np.isnan(stored[:, 1]).all()


def test_a_single_frame_has_no_axis_of_its_own(read):
    stored = read(d_skel=moving(1)[..., 0], people=1)
    assert stored.shape == (1, 1, 20, 3)
    assert stored[0, 0, 3].tolist() == [1, 0, 3]  # the head


def test_frames_and_joints_of_zeros_are_missing(read):
    joints = moving(4)
    joints[..., 1] = 0
    joints[0, :, 2] = 0
    joints[1, :, 2] = np.nan
    missing = np.isnan(read(d_skel=joints)[:, 0]).all(axis=-1)
    assert missing[1].all() and not missing[[0, 3]].any()
    assert np.flatnonzero(missing[2]).tolist() == [2, 3]


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"d_iner": moving(3)}, "has no array d_skel"),
        ({"d_skel": moving(3)[:18]}, "18 joints in each frame, not 20"),
        ({"d_skel": moving(3)[:, :2]}, r"the shape \(3, 20, 2\), not \(frames, 20, 3\)"),
        ({"d_skel": moving(3)[..., :0]}, "no frame is in it"),
        ({"d_skel": moving(3) * np.nan}, "no joint in any of its frames: all are NaN or zeros"),
        ({"d_skel": moving(3) * 0}, "no joint in any of its frames: all are NaN or zeros"),
        ({"d_skel": "joints"}, "no array of numbers"),
        ({"d_skel": {"joints": moving(3)}}, "no array of numbers"),
        ({"d_skel": moving(3)[..., None]}, "no array of numbers"),
    ],
)
def test_what_holds_no_joints_is_said_to_be_so(read, arrays, message):
    with pytest.raises(VideoError, match=message):
        read(**arrays)


def test_files_that_are_damaged_are_said_to_be_so(tmp_path):
    path = tmp_path / "a.mat"
    scipy.io.savemat(path, {"d_skel": moving(3)})
    whole = path.read_bytes()
    for content, message in (
        (b"", "the file is empty"),
        (b"joints", "not a .mat file that can be read"),
        (whole[:300], "not a .mat file that can be read"),
        (b"\0" * 400, "a .mat file|no array d_skel"),  # the latter by older versions of SciPy
    ):
        path.write_bytes(content)
        with pytest.raises(VideoError, match=message):
            read_utd_mhad(path, people=1)
    with pytest.raises(VideoError, match="No such file"):
        read_utd_mhad(tmp_path / "b.mat", people=1)
