import numpy as np
import pytest

from jaxvid.data.skeleton_files.joints import describe, of_one_person
from jaxvid.data.video import Facts, VideoError


def test_people_and_frames_without_anybody_are_counted():
    joints = np.full((4, 3, 20, 3), np.nan, np.float32)
    joints[[0, 3], 0] = 1
    joints[3, 1, 5] = 2  # of the second one, a single joint
    facts, same, other = Facts(), Facts(), Facts()
    describe(joints, facts)
    assert (facts.people, facts.empty) == (2, 2)
    describe(joints.copy(), same)
    describe(joints[:, ::-1].copy(), other)
    assert facts.digest == same.digest != other.digest


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((5, 20, 2), r"the shape \(5, 20, 2\), not \(frames, 20, 3\)"),
        ((20, 3), r"the shape \(20, 3\), not \(frames, 20, 3\)"),
        ((5, 25, 3), "25 joints in each frame, not 20"),
        ((0, 20, 3), "no frame is in it"),
    ],
)
def test_arrays_of_other_shapes_are_refused(shape, message):
    with pytest.raises(VideoError, match=message):
        of_one_person(np.ones(shape), 2, "kinect20", range(20))
