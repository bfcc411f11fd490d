import numpy as np
import pytest

from jaxvid.data.skeleton_files.following import FARTHEST, LOST, chosen, follow

BODY = np.array([[0, 0], [-20, 30], [20, 30], [-15, 100], [15, 100]], np.float32)  # 100 high


def at(x: float, y: float = 0.0, score: float = 1.0) -> np.ndarray:
    """A body of five joints whose head is at (x, y), with their scores."""
    return np.column_stack([BODY + np.array([x, y], np.float32), np.full(5, score, np.float32)])


def walks(count: int = 41) -> tuple[np.ndarray, np.ndarray]:
    """Where two people are who pass each other: both at 300 in the frame in the middle."""
    return np.linspace(100, 500, count), np.linspace(500, 100, count)


def heads(track) -> list[tuple[int, float]]:
    return [(step, round(float(joints[0, 0]), 3)) for step, joints in track.items()]


def frames_of(*people, seed: int = 0, noise: float = 0.0):
    """Frames of the people's heads, NaN where one is not there, in a random order in each."""
    rng = np.random.default_rng(seed)
    frames = []
    for places in zip(*people, strict=True):
        found = [(at(x + noise * rng.normal()), None) for x in places if np.isfinite(x)]
        rng.shuffle(found)
        frames.append(found)
    return frames


def by_start(frames):
    return sorted(
        follow(frames), key=lambda track: (next(iter(track)), track[next(iter(track))][0, 0])
    )


@pytest.mark.parametrize("noise", [0.0, 2.0])
def test_two_people_who_cross_stay_themselves(noise):
    left, right = walks()
    first, second = by_start(frames_of(left, right, noise=noise))
    assert [step for step, _ in heads(first)] == list(range(41))
    # The same body at the same place in the middle: only their motion tells them apart.
    np.testing.assert_allclose([x for _, x in heads(first)], left, atol=6 * noise + 1e-3)
    np.testing.assert_allclose([x for _, x in heads(second)], right, atol=6 * noise + 1e-3)


def test_somebody_hidden_while_passing_is_found_again():
    left, right = walks()
    hidden = right.copy()
    hidden[17:24] = np.nan
    first, second = by_start(frames_of(left, hidden))
    np.testing.assert_allclose([x for _, x in heads(first)], left, atol=1e-3)
    assert heads(second) == [(s, round(x, 3)) for s, x in enumerate(right) if not 17 <= s < 24]


def test_somebody_far_away_or_long_gone_is_somebody_else():
    size = 100
    near, far = FARTHEST * size * 0.9, FARTHEST * size * 1.1
    assert len(follow([[(at(0), None)], [(at(near), None)]])) == 1
    assert len(follow([[(at(0), None)], [(at(far), None)]])) == 2
    gone: list = [[(at(0), None)], *[[]] * LOST]
    assert len(follow([*gone[:-1], [(at(0), None)]])) == 1
    assert len(follow([*gone, [(at(0), None)]])) == 2


def test_the_nearest_pairs_are_those_of_the_least_sum():
    # Greedily, the first one would take the place at 30, and leave 55 at a distance of 55.
    first, second = by_start([[(at(0), None), (at(40), None)], [(at(30), None), (at(-15), None)]])
    assert [heads(first), heads(second)] == [[(0, 0.0), (1, -15.0)], [(0, 40.0), (1, 30.0)]]


def test_joints_that_are_missing_are_no_distance():
    odd = at(3)
    odd[1:] = np.nan
    [track] = follow([[(at(0), None)], [(odd, None)], [(at(6), None)]])
    assert [x for _, x in heads(track)] == [0, 3, 6]
    other = at(3)
    other[0] = np.nan  # nothing in common with the one before
    assert len(follow([[(odd, None)], [(other, None)]])) == 2


def test_numbers_of_a_tracker_are_taken():
    frames = [[(at(x), 7), (at(400 - x), 3)] for x in (0, 300, 40)]  # no distance would say so
    frames.append([(at(45), None)])  # whom the tracker has not confirmed
    tracks = {track[next(iter(track))][0, 0]: heads(track) for track in follow(frames)}
    assert tracks == {
        0: [(0, 0.0), (1, 300.0), (2, 40.0)],
        400: [(0, 400.0), (1, 100.0), (2, 360.0)],
        45: [(3, 45.0)],
    }


def test_numbers_that_come_twice_in_a_frame_are_no_trackers():
    left, right = walks(21)
    frames = [[(at(a), 0), (at(b), 0)] for a, b in zip(left, right, strict=True)]
    first, second = by_start(frames)
    np.testing.assert_allclose([x for _, x in heads(first)], left, atol=1e-3)
    assert len(second) == 21


def test_people_are_chosen_by_their_scores():
    tracks = [
        {0: at(1, score=0.2), 1: at(1, score=0.2)},
        {0: at(2, score=0.9), 1: at(2, score=0.9)},
        {1: at(3, score=0.7)},
    ]
    stored = chosen(tracks, 3, 2)
    assert stored.shape == (3, 2, 5, 3) and stored.dtype == np.float32
    np.testing.assert_array_equal(stored[:, 0, 0, 0], [2, 2, np.nan])
    np.testing.assert_array_equal(stored[:, 1, 0, 0], [np.nan, 3, np.nan])
    assert np.isnan(chosen(tracks, 3, 5)[:, 3:]).all()


def test_one_who_comes_after_another_left_takes_the_place():
    tracks = [{0: at(1)}, {1: at(2), 2: at(2)}, {0: at(3), 1: at(3), 2: at(3)}]
    stored = chosen(tracks, 3, 2)
    np.testing.assert_array_equal(stored[:, :, 0, 0], [[3, 1], [3, 2], [3, 2]])
