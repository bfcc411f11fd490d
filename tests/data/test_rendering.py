import numpy as np
import pytest

from jaxvid.data.rendering import clip
from jaxvid.data.rendering.actions import Style
from jaxvid.data.rendering.look import draw_look
from jaxvid.data.rendering.motion import ACTIONS, perform
from jaxvid.data.rendering.scene import LEVELS
from jaxvid.data.rendering.skeleton import BONES, JOINTS, MIRROR, Body, two_bone

BODIES = (Body(), Body())
STYLE = Style(amplitude=1.1, lean=0.03, stance=1.1, vary=(0.3, -0.6, 0.8))


def test_bones_form_one_tree_over_all_joints():
    children = [child for _, child in BONES]
    assert sorted(children) == list(range(1, len(JOINTS)))
    assert all(parent < child for parent, child in BONES)
    left = [JOINTS[i].replace("left", "right") for i in range(len(JOINTS)) if "left" in JOINTS[i]]
    assert all(JOINTS[MIRROR[JOINTS.index(name)]] == name.replace("right", "left") for name in left)


@pytest.mark.parametrize("name", ACTIONS)
def test_limbs_keep_their_length_and_move_smoothly(name):
    phase = np.linspace(0, 1, 101)
    joints = perform(name, phase, BODIES, STYLE).joints
    assert joints.shape == (ACTIONS[name].people, 101, len(JOINTS), 3)
    limbs = [bone for bone in BONES if bone[0] >= 4]
    for parent, child in limbs:
        length = np.linalg.norm(joints[:, :, parent] - joints[:, :, child], axis=-1)
        np.testing.assert_allclose(length, length.mean(), rtol=0.04)
    assert np.abs(np.diff(joints, axis=1)).max() < 0.06
    moved = np.ptp(joints, axis=1).max()
    assert moved > 0.1


@pytest.mark.parametrize("name", [name for name in ACTIONS if ACTIONS[name].rate])
def test_periodic_actions_repeat(name):
    start, later = (perform(name, np.array([p]), BODIES, STYLE).joints for p in (0.3, 2.3))
    np.testing.assert_allclose(start, later, atol=1e-9)


@pytest.mark.parametrize(("first", "second"), [("SitDown", "StandUp"), ("PickUp", "PutDown")])
def test_order_pairs_are_each_other_backwards(first, second):
    phase = np.linspace(0, 1, 33)
    forwards = perform(first, phase, BODIES, STYLE)
    backwards = perform(second, 1 - phase, BODIES, STYLE)
    np.testing.assert_array_equal(forwards.joints, backwards.joints)
    if forwards.box is not None:
        np.testing.assert_array_equal(forwards.box, backwards.box)


def test_box_rests_until_the_grasp_and_then_stays_between_the_hands():
    done = perform("PickUp", np.linspace(0, 1, 41), BODIES, STYLE)
    wrists = done.joints[0][:, [JOINTS.index("left_wrist"), JOINTS.index("right_wrist")]]
    np.testing.assert_allclose(done.box[:20], np.broadcast_to(done.rest, (20, 3)), atol=1e-9)
    np.testing.assert_allclose(wrists.mean(1)[20:], done.box[20:], atol=0.02)
    assert done.box[-1, 1] > 0.5


def test_punches_differ_in_where_the_fist_goes():
    phase = np.linspace(0, 1, 50)
    single = Style(vary=(-0.5, 0.0, 0.0))
    wrist, shoulder = JOINTS.index("right_wrist"), JOINTS.index("right_shoulder")
    paths = {}
    for name in ("PunchStraight", "PunchUppercut"):
        joints = perform(name, phase, BODIES, single).joints[0]
        paths[name] = joints[:, wrist] - joints[:, shoulder]
    straight, uppercut = paths["PunchStraight"], paths["PunchUppercut"]
    assert straight[:, 0].max() > 0.3 and np.ptp(straight[:, 1]) < 0.1
    assert uppercut[:, 0].max() < 0.25 and np.ptp(uppercut[:, 1]) > 0.4


def test_mirroring_swaps_the_sides():
    phase = np.linspace(0, 1, 9)
    plain = perform("Kick", phase, BODIES, Style()).joints
    mirrored = perform("Kick", phase, BODIES, Style(mirror=True)).joints
    np.testing.assert_array_equal(mirrored[:, :, MIRROR] * [1, 1, -1], plain)


def test_two_bone_stops_short_of_a_target_out_of_reach():
    root, target = np.zeros((1, 3)), np.array([[9.0, 0.0, 0.0]])
    middle, end = two_bone(root, target, 0.2, 0.3, np.array([0.0, 1.0, 0.0]))
    np.testing.assert_allclose(end, [[0.499, 0.0, 0.0]], atol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(middle - end), 0.3, atol=1e-9)


@pytest.mark.parametrize("level", LEVELS)
def test_joints_are_where_the_figure_is_drawn(level):
    place = clip.setting(3, level, 1)
    on_skin, seen = 0, 0
    for seed in range(4):
        rng = np.random.default_rng(seed)
        frames, joints = clip.render("JumpingJack", place, LEVELS[level], rng)
        assert len(frames) == joints.shape[1]
        for frame, wrist in zip(frames, joints[0, :, JOINTS.index("left_wrist")], strict=True):
            x, y = np.rint(wrist).astype(int)
            if 0 <= x < frame.shape[1] and 0 <= y < frame.shape[0]:
                seen += 1
                distance = np.abs(frame[y, x].astype(int) - place.looks[0].skin).max()
                on_skin += distance < 90
    assert on_skin > 0.8 * seen > 0


def test_easy_actors_fill_most_of_the_frame_and_stay_inside():
    level = LEVELS["easy"]
    for group in range(1, 6):
        place = clip.setting(0, "easy", group)
        for name in ("Walk", "SitDown", "PunchStraight"):
            _, joints = clip.render(name, place, level, np.random.default_rng(group))
            x, y = joints[..., 0], joints[..., 1]
            assert x.min() > 0 and x.max() < level.width
            assert y.min() > 0 and y.max() < level.height
            assert np.ptp(y, axis=2).max() > 0.6 * level.height


def test_lengths_vary_around_two_seconds():
    rng = np.random.default_rng(0)
    place = clip.setting(0, "easy", 1)
    lengths = [len(clip.render("Wave", place, LEVELS["easy"], rng)[0]) for _ in range(40)]
    assert min(lengths) >= 20 and max(lengths) <= 100
    assert 40 < np.mean(lengths) < 60


def test_looks_vary():
    rng = np.random.default_rng(0)
    looks = [draw_look(rng) for _ in range(30)]
    assert len({look.shirt for look in looks}) == 30
    assert len({look.hair_style for look in looks}) > 3
