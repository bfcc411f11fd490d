import numpy as np
import pytest

from jaxvid.data.skeleton_pictures import COLOURS, MARGIN, drawn
from jaxvid.skeletons import SKELETONS


def dark(picture: np.ndarray) -> np.ndarray:
    """Returns the (row, column) of the pixels that are drawn."""
    return np.argwhere(picture.min(-1) < 200)


@pytest.mark.parametrize(
    ("skeleton", "in_a_room"), [("figure18", False), ("ntu25", True), ("kinect20", True)]
)
def test_people_stand_upright_as_the_camera_sees_them(skeleton, in_a_room):
    of = SKELETONS[skeleton]
    names = [of.joints.index(name) for name in ("left_knee", "left_ankle", "right_knee")]
    frames = np.full((1, 2, len(of.joints), 3), np.nan, np.float32)
    # Of somebody who faces the camera: the left leg is to the right in a picture, where a Kinect
    # counts x to its own left and y upwards.
    places = [(0.6, 0.2), (0.6, 0.8), (0.1, 0.2)]
    for joint, (x, y) in zip(names, places, strict=True):
        frames[0, 0, joint] = (-x, -y, 3) if in_a_room else (x, y, 1)
    [picture] = drawn(frames, of, side=100)
    leg = dark(picture)
    assert leg[:, 1].min() > 85  # the right knee stands alone, without an edge
    assert (leg[:, 0].min(), leg[:, 0].max()) == pytest.approx((50 - 54, 50 + 54), abs=60)
    assert np.ptp(leg[:, 0]) > 80


def test_all_frames_have_one_scale_and_people_have_colours():
    skeleton = SKELETONS["kinect20"]
    a, b = skeleton.edges[0]
    frames = np.full((2, 2, 20, 3), np.nan, np.float32)
    frames[0, 0, a], frames[0, 0, b] = (0, 0, 3), (0, 1, 3)  # a metre
    frames[1, 1, a], frames[1, 1, b] = (0, 0, 3), (0, 0.5, 3)
    first, second = drawn(frames, skeleton, side=200)
    tall, short = np.ptp(dark(first)[:, 0]), np.ptp(dark(second)[:, 0])
    assert tall == pytest.approx((1 - 2 * MARGIN) * 200, abs=4)
    assert short == pytest.approx(tall / 2, abs=3)
    for picture, colour in ((first, COLOURS[0]), (second, COLOURS[1])):
        assert picture[tuple(dark(picture)[30])].tolist() == list(colour)


@pytest.mark.parametrize("missing", [np.nan, 0.0, np.inf])
def test_joints_that_are_not_there_are_not_drawn(missing):
    frames = np.full((2, 2, 20, 3), missing, np.float32)
    frames[1, 0, 0] = 0.5, 0.5, 1  # without a neighbour
    pictures = np.stack(list(drawn(frames, SKELETONS["kinect20"], side=64)))
    assert (pictures.shape, pictures.dtype) == ((2, 64, 64, 3), np.uint8)
    assert (pictures == 255).all()
