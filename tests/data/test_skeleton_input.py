from dataclasses import replace

import numpy as np
import pytest

from jaxvid.data import pipeline, skeleton_input
from jaxvid.data.clip_cutting import ClipSettings
from jaxvid.data.modalities import Skeletons
from jaxvid.data.records import Record
from jaxvid.data.skeleton_input import SkeletonInput
from jaxvid.skeletons import SKELETONS

NTU = SKELETONS["ntu25"]
FLAT = SKELETONS["figure18"]
METRES = Skeletons("ntu60", people=2)
PICTURES = Skeletons("embedded", people=2)


def walk(length=12, people=2, skeleton=NTU):
    """Joints (T,M,V,3) that move at random, of bodies that stand upright and face the camera."""
    rng = np.random.default_rng(0)
    joints = rng.normal(0, 0.2, (length, people, len(skeleton.joints), 3)).cumsum(axis=0)
    at = skeleton.joints.index
    joints += rng.normal(0, 0.3, joints.shape[2:])
    joints += np.array([0.3, 0.1, 3])
    if skeleton.axes:
        joints[:, :, at("spine_shoulder")] = joints[:, :, at("spine_base")] + [0.1, 0.5, 0.05]
        joints[:, :, at("right_shoulder")] = joints[:, :, at("left_shoulder")] + [0.4, 0.05, 0.1]
    return joints.astype(np.float32)


def record(joints):
    return Record("v", 30.0, [frame.tobytes() for frame in joints])


def read(joints, modality=METRES, draw=None, how=None, **fields):
    """What training or, without `draw`, evaluation reads of a video of these joints."""
    video = [(modality, record(joints))]
    settings = ClipSettings(8, 48, joints=how or SkeletonInput(), **fields)
    if draw is None:
        return pipeline.eval_clip(video, settings, views=1)[0]
    return pipeline.train_clip(video, settings, np.random.default_rng(draw))


def turned(x, y, z):
    """The rotation about z, then y, then x, by angles in radians."""
    about_x = [[1, 0, 0], [0, np.cos(x), -np.sin(x)], [0, np.sin(x), np.cos(x)]]
    about_y = [[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]]
    about_z = [[np.cos(z), -np.sin(z), 0], [np.sin(z), np.cos(z), 0], [0, 0, 1]]
    return np.array(about_x) @ about_y @ about_z


def test_bones_point_from_the_parent_which_is_nearer_to_the_centre():
    joints = walk(8)
    bones = read(joints, how=SkeletonInput("bone"))
    at = NTU.joints.index
    for joint, parent in (
        ("left_wrist", "left_elbow"),
        ("spine_base", "spine_middle"),
        ("right_hip", "spine_base"),
        ("neck", "spine_shoulder"),
    ):
        expected = joints[:, :, at(joint)] - joints[:, :, at(parent)]
        np.testing.assert_array_equal(bones[:, :, at(joint)], expected)
    assert not bones[:, :, at("spine_shoulder")].any()


@pytest.mark.parametrize("kind", ["joint", "bone"])
def test_motions_lead_to_the_next_frame_and_end_in_rest(kind):
    joints = walk(8)
    still = read(joints, how=SkeletonInput(kind))
    motion = read(joints, how=SkeletonInput(f"{kind}_motion"))
    np.testing.assert_allclose(motion[:-1], still[1:] - still[:-1], atol=1e-6)
    assert not motion[-1].any()


def test_a_looped_video_rests_where_it_starts_again():
    motion = read(walk(3), how=SkeletonInput("joint_motion"))  # frames 0 1 2 0 1 2 0 1
    moves = motion.any(axis=(1, 2, 3))
    assert moves.tolist() == [True, True, False, True, True, False, True, False]


def test_every_view_has_motions_of_its_own():
    video = [(METRES, record(walk(10)))]
    settings = ClipSettings(8, 48, joints=SkeletonInput("joint_motion"))
    views = pipeline.eval_clip(video, settings, views=2)
    assert not views[:, -1].any()
    np.testing.assert_array_equal(views[0, 2:7], views[1, :5])


@pytest.mark.parametrize("kind", ["joint", "bone", "joint_motion", "bone_motion"])
def test_what_is_missing_is_zero_and_leaves_the_rest_alone(kind):
    whole, joints = walk(8), walk(8)
    wrist, hand, elbow = (NTU.joints.index(f"left_{n}") for n in ("wrist", "hand", "elbow"))
    joints[3, 0, wrist] = np.nan
    joints[:, 1] = np.nan
    made, expected = (
        read(j, how=SkeletonInput(kind, view_normalised=True)) for j in (joints, whole)
    )
    assert np.isfinite(made).all()
    gone = np.zeros((8, 25), bool)
    frames = [2, 3] if "motion" in kind else [3]
    gone[frames, wrist] = True
    if "bone" in kind:
        gone[frames, hand] = True
    assert not made[:, 0][gone].any()
    assert not made[:, 1].any()
    np.testing.assert_array_equal(made[:, 0][~gone], expected[:, 0][~gone])
    assert expected[:-1, 0, elbow].all()


def test_in_pictures_the_confidence_is_the_lower_of_two():
    joints = walk(8, skeleton=FLAT)
    joints[..., 2] = np.linspace(0.1, 1, joints[..., 2].size).reshape(joints.shape[:3])
    sure = joints[..., 2]
    parents = [FLAT.joints.index(name) for name in ("neck", "left_elbow")]
    children = [FLAT.joints.index(name) for name in ("head", "left_wrist")]
    bones = read(joints, PICTURES, how=SkeletonInput("bone"))
    lower = np.minimum(sure[:, :, children], sure[:, :, parents])
    np.testing.assert_array_equal(bones[:, :, children, 2], lower)
    expected = joints[:, :, children, :2] - joints[:, :, parents, :2]
    np.testing.assert_array_equal(bones[:, :, children, :2], expected)
    motion = read(joints, PICTURES, how=SkeletonInput("joint_motion"))
    np.testing.assert_array_equal(motion[..., 2], sure)  # which rises, and stays at the end
    np.testing.assert_array_equal(motion[:-1, ..., :2], joints[1:, ..., :2] - joints[:-1, ..., :2])
    assert not motion[-1, ..., :2].any()


def test_the_normalised_view_stands_upright_and_faces_the_camera():
    joints = walk(8)
    seen = read(joints, how=SkeletonInput(view_normalised=True))
    at = NTU.joints.index
    first = seen[0, 0]
    np.testing.assert_allclose(first[at("spine_shoulder")], 0, atol=1e-6)
    spine = first[at("spine_shoulder")] - first[at("spine_base")]
    np.testing.assert_allclose(spine, [0, np.linalg.norm([0.1, 0.5, 0.05]), 0], atol=1e-6)
    shoulders = first[at("right_shoulder")] - first[at("left_shoulder")]
    assert shoulders[0] > 0.3
    np.testing.assert_allclose(shoulders[2], 0, atol=1e-6)
    # A rotation and a shift: all distances stay, and no side is swapped.
    apart = joints[5, 1] - joints[0, 0]
    np.testing.assert_allclose(
        np.linalg.norm(seen[5, 1] - seen[0, 0], axis=-1), np.linalg.norm(apart, axis=-1), atol=1e-5
    )
    assert np.linalg.det(np.linalg.lstsq(apart[:5], (seen[5, 1] - seen[0, 0])[:5])[0]) > 0


@pytest.mark.parametrize("kind", ["joint", "bone", "joint_motion", "bone_motion"])
def test_the_normalised_view_is_the_same_from_every_camera(kind):
    joints = walk(9)
    joints[0, :, NTU.joints.index("left_shoulder")] = np.nan  # the second frame has the axes
    other = (joints @ turned(0.4, 2.5, -1.1).T + [0.5, -2, 1]).astype(np.float32)
    how = SkeletonInput(kind, view_normalised=True)
    here, there = (read(j, how=how, least_share=0.5) for j in (joints, other))
    np.testing.assert_allclose(here, there, atol=1e-5)
    assert np.ptp(here) > 0.1
    plain = [read(j, how=replace(how, view_normalised=False)) for j in (joints, other)]
    assert np.abs(plain[0] - plain[1]).max() > 0.1


def test_the_view_is_that_of_the_video_wherever_a_clip_begins():
    joints, how = walk(30), SkeletonInput(view_normalised=True)
    view = skeleton_input.body_view(joints, NTU)
    clips = [read(joints, draw=seed, how=how, augment=True) for seed in range(4)]
    whole = skeleton_input.seen_from(view, joints)
    starts = [np.abs(whole - clip[0]).sum(axis=(1, 2, 3)).argmin() for clip in clips]
    assert len(set(starts)) > 1
    for start, clip in zip(starts, clips, strict=True):
        np.testing.assert_allclose(clip, whole[start : start + 8], atol=1e-6)


def test_without_shoulders_a_body_is_moved_and_not_turned():
    joints = walk(8)
    joints[:, 0, NTU.joints.index("left_shoulder")] = np.nan
    centre = joints[0, 0, NTU.centre].copy()
    joints[0, 0, NTU.centre] = np.nan
    seen = read(joints, how=SkeletonInput(view_normalised=True))
    head = NTU.joints.index("head")
    centre = joints[1, 0, NTU.centre]
    np.testing.assert_allclose(seen[:, 0, head], joints[:, 0, head] - centre, atol=1e-6)
    joints[:, 0, NTU.centre] = np.nan
    seen = read(joints, how=SkeletonInput(view_normalised=True))
    np.testing.assert_array_equal(seen[:, 0, head], joints[:, 0, head])


def test_a_mirrored_clip_is_the_mirrored_body_from_the_front():
    joints, how = walk(8), SkeletonInput("bone", view_normalised=True)
    mirrored = METRES.mirror(joints)
    fields = {"how": how, "augment": True}
    clips = [read(joints, draw=seed, **fields, mirror=True) for seed in range(8)]
    ways = [read(j, draw=0, **fields) for j in (joints, mirrored)]
    found = [np.abs([way - clip for way in ways]).max(axis=(1, 2, 3, 4)) < 1e-5 for clip in clips]
    assert sorted({tuple(each) for each in found}) == [(False, True), (True, False)]


def test_training_clips_are_turned_about_each_axis_and_evaluation_is_not():
    joints = walk(8)
    how = SkeletonInput(rotation=30.0)
    np.testing.assert_array_equal(read(joints, how=how), joints)
    angles = []
    for seed in range(40):
        clip = read(joints, draw=seed, how=how, augment=True)
        rotation = np.linalg.lstsq(joints.reshape(-1, 3), clip.reshape(-1, 3))[0].T
        np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-5)
        angles.append(np.arctan2(rotation[1, 0], rotation[0, 0]))
        y = -np.arcsin(rotation[2, 0])
        x = np.arctan2(rotation[2, 1], rotation[2, 2])
        np.testing.assert_allclose(
            rotation, turned(0, 0, angles[-1]) @ turned(0, y, 0) @ turned(x, 0, 0), atol=1e-5
        )
        angles += [x, y]
    assert np.abs(angles).max() <= np.radians(30)
    assert np.std(angles) > np.radians(30) / 2.5


def test_resampled_clips_are_the_whole_video_in_a_number_of_frames():
    joints = walk(15)
    clip = read(joints, least_share=0.5)
    np.testing.assert_allclose(clip, joints[::2], atol=1e-6)
    clip = read(joints[:5], least_share=0.5)
    ends = np.arange(5)
    for m, v, c in np.ndindex(clip.shape[1:]):
        expected = np.interp(np.linspace(0, 4, 8), ends, joints[:5, m, v, c])
        np.testing.assert_allclose(clip[:, m, v, c], expected, atol=1e-5)
    np.testing.assert_array_equal(read(joints[:1], least_share=1.0), joints[[0] * 8])


def test_between_two_frames_a_missing_joint_is_that_of_the_nearer_one():
    joints = walk(5)
    joints[2, 0, 3] = np.nan
    clip = read(joints, least_share=0.5)  # at the times 4/7 i
    times = np.linspace(0, 4, 8)
    for i, time in enumerate(times):
        if 1 < time < 3:
            near = round(time)
            expected = np.zeros(3) if near == 2 else joints[near, 0, 3]
            np.testing.assert_array_equal(clip[i, 0, 3], expected)
    assert clip[:, 0, 4].all()


def test_training_parts_of_a_video_are_of_all_lengths_down_to_the_least():
    joints = np.zeros((101, 1, 25, 3), np.float32)
    joints[..., 0] = np.arange(1, 102)[:, None, None]
    one = Skeletons("ntu60", people=1)
    clips = [
        read(joints, one, draw=seed, least_share=0.4, augment=True)[:, 0, 0, 0]
        for seed in range(200)
    ]
    shares = [np.ptp(clip) / 100 for clip in clips]
    assert 0.4 <= min(shares) < 0.45 and 0.95 < max(shares) <= 1
    assert abs(np.mean(shares) - 0.7) < 0.04
    assert min(clip[0] for clip in clips) < 3 and max(clip[-1] for clip in clips) > 99
    for clip in clips:
        np.testing.assert_allclose(np.diff(clip), np.ptp(clip) / 7, rtol=1e-4)
