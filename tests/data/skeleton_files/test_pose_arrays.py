import numpy as np
import pytest

from jaxvid.data.skeleton_files.pose_arrays import read_arrays
from jaxvid.data.skeleton_files.pose_files import read, read_poses
from jaxvid.data.video import VideoError

JOINTS = np.random.default_rng(0).uniform(1, 400, (6, 2, 17, 2)).astype(np.float32)


def test_what_a_file_says_is_taken(tmp_path):
    path = tmp_path / "clip.npz"
    scores = np.full((6, 2, 17), 0.5)
    np.savez(path, joints=JOINTS, scores=scores, fps=12.5, width=640, height=480)
    poses = read_arrays(path)
    assert (poses.fps, poses.size) == (12.5, (640, 480))
    assert [person.track for person in poses.frames[0]] == [0, 1]
    np.savez(path, joints=JOINTS)
    poses = read_arrays(path)
    assert (poses.fps, poses.size) == (0, None)
    assert (poses.frames[0][0].scores == 1).all()


def test_people_keep_their_places(tmp_path):
    path = tmp_path / "clip.npz"
    joints = JOINTS.copy()
    joints[3:] = joints[3:, ::-1]  # far from where they were
    np.savez(path, joints=joints, width=1, height=1)
    np.testing.assert_allclose(read_poses(path, 2, "")[..., :2], joints * 2 - 1, rtol=1e-5)


def test_one_person_needs_no_axis(tmp_path):
    path = tmp_path / "clip.npz"
    np.savez(path, joints=JOINTS[:, 0], scores=np.full((6, 17), 0.25))
    [person] = read_arrays(path).frames[5]
    np.testing.assert_array_equal(person.joints, JOINTS[5, 0])
    assert (person.scores == 0.25).all()


@pytest.mark.parametrize(
    ("shape", "skeleton"),
    [((3, 1, 17, 2), "coco17"), ((3, 20, 3), "kinect20"), ((3, 1, 25, 3), "ntu25")],
)
def test_the_skeleton_is_that_of_so_many_joints(tmp_path, shape, skeleton):
    path = tmp_path / "clip.npz"
    np.savez(path, joints=np.ones(shape))
    assert read(path)[1] == skeleton


def test_the_file_may_name_its_skeleton(tmp_path):
    path = tmp_path / "clip.npz"
    np.savez(path, joints=np.ones((3, 1, 18, 2)), skeleton="figure18")
    assert read(path)[1] == "figure18"
    with pytest.raises(VideoError, match=r"joints of figure18, .*skeleton=openpose18 has 18"):
        read(path, "openpose18")
    np.savez(path, joints=np.ones((3, 1, 18, 2)), skeleton="hand21")
    with pytest.raises(VideoError, match="its skeleton is 'hand21', must be one of figure18, "):
        read(path)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"keypoints": JOINTS}, r"it has no array joints \(frames, people, joints, 2 or 3\)"),
        ({"joints": JOINTS[0, 0]}, r"its joints are float32 of shape \(17, 2\), not numbers"),
        ({"joints": JOINTS[..., :1]}, r"of shape \(6, 2, 17, 1\), not numbers"),
        ({"joints": JOINTS.astype(str)}, "not numbers of shape"),
        ({"joints": JOINTS, "scores": np.ones((6, 17))}, r"scores have the shape \(6, 17\), not"),
        ({"joints": JOINTS, "fps": 0}, "its fps is 0, must be a number above 0"),
        ({"joints": JOINTS, "width": np.nan, "height": 1}, "its width is nan, must be"),
        ({"joints": JOINTS, "width": 640}, "one of width and height, and not the other"),
        (
            {"joints": JOINTS[:, :, :14]},
            r"its people have 14 joints, must have 17 \(coco17\) or 18",
        ),
        ({"joints": JOINTS * np.nan}, "all are NaN, zeros or below the score"),
        ({"joints": JOINTS[:0]}, "no person in any of its frames"),
        ({"joints": np.array([{}, 1], object)}, "not a whole .npz file of arrays"),
    ],
)
def test_bad_arrays_are_said_to_be_so(tmp_path, arrays, message):
    path = tmp_path / "clip.npz"
    np.savez(path, **arrays)
    with pytest.raises(VideoError, match=message):
        read_poses(path, 2, "")


def test_files_that_are_cut_off_are_said_to_be_so(tmp_path):
    path = tmp_path / "clip.npz"
    np.savez(path, joints=JOINTS)
    whole = path.read_bytes()
    for content in (whole[:-30], whole[:300], b"x", whole[:200] + bytes(50) + whole[250:]):
        path.write_bytes(content)
        with pytest.raises(VideoError, match=r"not a whole \.npz file of arrays"):
            read_arrays(path)
