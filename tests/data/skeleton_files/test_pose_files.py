import json

import numpy as np
import pytest

from jaxvid.data.skeleton_files.pose_files import (
    clips_among,
    files,
    joints_of,
    read,
    read_poses,
)
from jaxvid.data.skeleton_files.poses import Person, Poses
from jaxvid.data.video import VideoError

SIZE = (640, 480)  # of the picture, in the layouts that state it


def test_each_layout_is_read(layout, tmp_path, people, write):
    name, joints = layout
    truth = people(joints)
    poses, skeleton = read(write(name, tmp_path, truth))
    assert skeleton == {17: "coco17", 18: "openpose18", 25: "openpose25"}[joints]
    unit = SIZE if poses.size == (1, 1) else (1, 1)
    assert len(poses.frames) == len(truth) == 4
    for found, expected in zip(poses.frames, truth, strict=True):
        there = [person for person in found if np.isfinite(person.joints).any()]
        assert len(there) == len(expected)
        for person, numbers in zip(there, expected, strict=True):
            np.testing.assert_allclose(person.joints * unit, numbers[:, :2], rtol=2e-5)
            np.testing.assert_allclose(person.scores, numbers[:, 2], rtol=2e-5)


def test_joints_lie_across_the_picture_or_across_themselves(layout, tmp_path, people, write):
    name, joints = layout
    truth = people(joints)
    read = read_poses(write(name, tmp_path, truth), 2, "")
    assert (read.shape, read.dtype) == ((4, 2, joints, 3), np.float32)
    pixels = np.full((4, 2, joints, 3), np.nan)
    for step, order in enumerate(([0], [], [0, 1], [0, 1])):
        pixels[step, : len(order)] = truth[step][order]
    # In the first place, whose scores sum to most: the first person, who is seen in three frames.
    places = pixels[..., :2]
    if name in ("ultralytics labels", "arrays"):
        expected = places / np.array(SIZE) * 2 - 1
    else:
        low, high = np.nanmin(places, (0, 1, 2)), np.nanmax(places, (0, 1, 2))
        expected = (places - (low + high) / 2) / ((high - low).max() / 2)
        assert np.nanmax(np.abs(read[..., :2])) == pytest.approx(1)
    np.testing.assert_allclose(read[..., :2], expected, atol=1e-4)
    np.testing.assert_allclose(read[..., 2], pixels[..., 2], rtol=2e-5)


def of(*numbers: list[list[float]], **about) -> Poses:
    """Poses of one person with a joint for each x, y (, z), score; a frame for each list."""
    people = [np.array(each, np.float32) for each in numbers]
    frames = [[Person(person[:, :-1], person[:, -1])] for person in people]
    return Poses(frames, {len(people[0]): "coco17"}, **about)


def test_joints_below_the_score_are_missing_and_set_no_scale():
    poses = of([[10, 10, 0.9], [30, 20, 0.5], [900, 900, 0.05], [20, 15, 0.0], [0, 0, 0.9]])
    read = joints_of(poses, 1, 0.1)[0, 0]
    np.testing.assert_allclose(read[:2], [[-1, -0.5, 0.9], [1, 0.5, 0.5]], atol=1e-6)
    assert np.isnan(read[2:]).all()
    assert np.isnan(joints_of(poses, 1, 0.6)[0, 0]).any(1).tolist() == [False, *[True] * 4]
    everything = joints_of(poses, 1)[0, 0]
    assert np.isnan(everything).all(1).tolist() == [False, False, False, True, True]
    with pytest.raises(VideoError, match=r"all are NaN, zeros or below the score of 0\.95"):
        joints_of(poses, 1, 0.95)


def test_coordinates_from_0_to_1_are_shares_of_the_picture():
    read = joints_of(of([[0.25, 0.5, 1], [0.5, 1, 1]]), 1)
    np.testing.assert_allclose(read[0, 0, :, :2], [[-0.5, 0], [0, 1]])
    read = joints_of(of([[0.25, 0.5, 1], [0.5, 1.5, 1]]), 1)
    np.testing.assert_allclose(read[0, 0, :, :2], [[-0.25, -1], [0.25, 1]])


def test_joints_in_space_stay_as_they_are():
    read = joints_of(of([[0.5, -1, 3, 1], [0.25, 2, 3.5, 0.05]], size=(640, 480)), 2, 0.1)
    np.testing.assert_allclose(read[0, 0, 0], [0.5, -1, 3])
    assert np.isnan(read[0, 0, 1]).all() and np.isnan(read[0, 1]).all()


def test_scores_are_at_most_1():  # some of MMPose's networks go beyond
    assert joints_of(of([[10, 10, 1.3], [20, 20, 0.5]]), 1)[0, 0, :, 2].tolist() == [1, 0.5]


def test_the_skeleton_may_be_named(tmp_path, people, write):
    path = write("arrays", tmp_path, people(25))
    assert read(path)[1] == "openpose25"
    with pytest.raises(VideoError, match="2 numbers each, and those of ntu25 are x, y and z in sp"):
        read(path, "ntu25")
    assert read(write("arrays", tmp_path / "18", people(18)), "figure18")[1] == "figure18"
    with pytest.raises(VideoError, match=r"people have 25 joints, must have 17 \(coco17\)"):
        read(path, "coco17")
    openpose = write("openpose", tmp_path, people(25))
    with pytest.raises(VideoError, match=r"the 25 joints of openpose25, .*skeleton=ntu25 has 25"):
        read(openpose, "ntu25")


def test_the_clips_of_a_folder_are_known_by_name():
    frames = [f"clip_{i:012}_keypoints.json" for i in range(3)]
    assert clips_among([*frames, "notes.txt"]) == ([], set(frames))
    labels = ["clip_1.txt", "clip_20.txt"]
    assert clips_among([*labels, "classes.txt", "clip.mp4"]) == ([], set(labels))
    assert clips_among(["b.json", "a.NPZ", "a.mp4", *labels]) == (["b.json", "a.NPZ"], set())
    assert clips_among(["alphapose-results.json"]) == ([], {"alphapose-results.json"})


def test_the_files_of_a_clip_are_named(layout, tmp_path, people, write):
    name, joints = layout
    path = write(name, tmp_path, people(joints))
    if path.is_dir():
        (path / "readme").write_text("x")
        assert files(path) == sorted(set(path.iterdir()) - {path / "readme"})
    else:
        assert files(path) == [path]


def frame(*joints: float) -> dict:
    return {"people": [{"pose_keypoints_2d": list(joints)}]}


INSTANCE = {"keypoints": [[1.0, 2.0]] * 17, "keypoint_scores": [0.5] * 17}
RESULT = {"image_id": "0.jpg", "keypoints": [1.0, 2.0, 0.5] * 17, "score": 1.0}
NAN = float("nan")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "the file is empty"),
        ("{", "clip.json is not whole JSON"),
        (json.dumps([RESULT] * 9)[:-40], "clip.json is not whole JSON"),
        ("[" * 100_000, "not whole JSON"),
        ({"a": 1}, "no output of MMPose, AlphaPose or Ultralytics for a video"),
        ([INSTANCE], "no output of MMPose"),  # of one picture
        (5, "not the whole output of a pose estimator"),
        ([5, 6], "not the whole output of a pose estimator"),
        ("[]", "no person in any of its frames"),
        ([[], []], "no person in any of its frames"),
        ([{"frame_id": 0, "instances": []}], "no person in any of its frames"),
        (frame(1, 2, 0.5), "one frame of OpenPose: the clip is the folder"),
        ([{"frame_id": 0}], "no output of MMPose"),
        ([{"frame_id": 0, "instances": [{}]}], "not the whole output .*'keypoints'"),
        ([{"frame_id": "x", "instances": [INSTANCE]}], "not the whole output"),
        ([{"frame_id": 0, "instances": [INSTANCE | {"keypoints": [[1, 2, 3]] * 17}]}], "shape"),
        ([{"frame_id": 0, "instances": [INSTANCE | {"keypoint_scores": [1]}]}], "1 scores of 17"),
        (
            [
                {
                    "frame_id": 0,
                    "instances": [{"keypoints": [[1, 2]] * 26, "keypoint_scores": [1] * 26}],
                }
            ],
            r"its people have 26 joints, must have 17 \(coco17\)",
        ),
        ([RESULT | {"image_id": "cat.jpg"}], "the image_id cat has no number of a frame"),
        ([RESULT, RESULT | {"image_id": "b_7.jpg"}], r"its 2 frames are 2 series: \* \(1\), b\*"),
        ([RESULT | {"image_id": "999999999.jpg"}], "its frames are numbered from 999999999 to"),
        ([RESULT | {"keypoints": [1.0, 2.0]}], "not the whole output"),
        ([RESULT | {"keypoints": [1, 2, 3] * 16}, RESULT], "its people have 16 and 17 joints"),
        ([[{"keypoints": {"x": [1], "y": [1, 2]}}]], "not the whole output"),
        ([RESULT | {"keypoints": [1e300, 1e30, 1] * 17}], "all are NaN, zeros or below the score"),
        ([RESULT | {"keypoints": [NAN] * 51}], "all are NaN, zeros or below the score"),
        ([RESULT | {"keypoints": [0.0, 0.0, 0.9] * 17}], "all are NaN, zeros or below the score"),
    ],
)
def test_bad_json_files_are_said_to_be_so(tmp_path, content, message):
    path = tmp_path / "clip.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(VideoError, match=message):
        read_poses(path, 2, "")


def test_other_files_are_no_joints(tmp_path):
    (tmp_path / "clip.csv").write_text("x")
    with pytest.raises(VideoError, match=r"no file of joints: it must end in \.json or \.npz"):
        read(tmp_path / "clip.csv")
    with pytest.raises(VideoError, match="a folder without frames of joints"):
        read(tmp_path)
    with pytest.raises(VideoError, match="No such file"):
        read(tmp_path / "gone.json")


@pytest.mark.parametrize(
    ("files_of", "message"),
    [
        (
            {"a_0_keypoints.json": frame(*[1, 2, 0.5] * 15)},
            r"15 joints, must have 25 \(openpose25\)",
        ),
        (
            {
                "a_0_keypoints.json": frame(*[1, 2, 1] * 25),
                "a_1_keypoints.json": frame(*[1, 2, 1] * 18),
            },
            "its people have 18 and 25 joints",
        ),
        ({"a_0_keypoints.json": {"people": []}}, "no person in any of its frames"),
        ({"a_0_keypoints.json": frame()}, "no person in any of its frames"),
        ({"a_0_keypoints.json": frame(1, 2)}, "a_0_keypoints.json is no frame of OpenPose"),
        ({"a_0_keypoints.json": [1]}, "a_0_keypoints.json is no frame of OpenPose"),
        ({"a_0_keypoints.json": '{"people": ['}, "a_0_keypoints.json is not whole JSON"),
        (
            {"a_0_keypoints.json": {}, "b_0_keypoints.json": {}},
            r"its 2 frames are 2 series: a\* \(1\), b\* \(1\); put the frames of each clip",
        ),
        (
            {"a_0_keypoints.json": {}, "a_00_keypoints.json": {}},
            "the same number, such as 1 and 01",
        ),
        (
            {"a_0_keypoints.json": {}, "clip.npz": "x"},
            "a folder with files of OpenPose's and another clip's, clip.npz,: one clip each",
        ),
        ({"a_0_keypoints.json": {}, "a_1.txt": "x"}, "files of OpenPose's and Ultralytics'"),
        (
            {"a_1.txt": "0 0.5 0.5 0.2"},
            "a_1.txt has no labels of poses: 4 numbers in a line, which",
        ),
        ({"a_1.txt": "0" + " 0.5" * 80}, "81 numbers in a line, which must be 56 to 58"),
        ({"a_1.txt": "0" + " x" * 55}, "a_1.txt has no labels of poses"),
    ],
)
def test_bad_folders_are_said_to_be_so(tmp_path, files_of, message):
    for name, content in files_of.items():
        text = content if isinstance(content, str) else json.dumps(content)
        (tmp_path / name).write_text(text)
    with pytest.raises(VideoError, match=message):
        read_poses(tmp_path, 2, "")
