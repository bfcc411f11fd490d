import numpy as np
import pytest

from jaxvid.data import sampling


def by_the_listing(total: int, need: int) -> list[int]:
    """Algorithm 1 for short videos, word by word, with the leftover appended once (Figure 1)."""
    times, left = need // total, need % total
    frames = []
    for _ in range(times):
        frames.extend(range(total))
    frames.extend(range(left))
    return frames


@pytest.mark.parametrize(("total", "need"), [(1, 8), (3, 8), (7, 8), (4, 8), (50, 64), (63, 64)])
def test_short_videos_are_looped(total, need):
    assert sampling.consecutive(total, need).tolist() == by_the_listing(total, need)


def test_long_videos_give_a_run():
    assert sampling.consecutive(10, 4, 6).tolist() == [6, 7, 8, 9]
    assert sampling.consecutive(4, 4, 0).tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(("total", "need", "start"), [(0, 4, 0), (10, 4, 7), (10, 4, -1)])
def test_impossible_runs_are_refused(total, need, start):
    with pytest.raises(ValueError):
        sampling.consecutive(total, need, start)


def test_random_start_reaches_both_ends_evenly():
    rng = np.random.default_rng(0)
    starts = [sampling.random_start(12, 8, rng) for _ in range(5000)]
    counts = np.bincount(starts)
    assert len(counts) == 5
    assert counts.min() > 850
    assert sampling.random_start(5, 8, rng) == 0


def test_views_are_centred_or_equally_spaced():
    assert sampling.view_starts(20, 8, 1) == [6]
    assert sampling.view_starts(20, 8, 3) == [0, 6, 12]
    assert sampling.view_starts(5, 8, 2) == [0, 0]


def test_resampling_takes_the_frame_on_screen():
    # 25 frames a second shown at 10: frame i is on screen at time i / 10.
    expected = [int(i / 10 * 25) for i in range(20)]
    assert sampling.resample(50, 25, 10).tolist() == expected
    assert sampling.resample(50, 25, 0).tolist() == list(range(50))
    assert sampling.resample(50, 25, 30).tolist() == list(range(50))
    assert sampling.resample(1, 25, 8).tolist() == [0]
    assert sampling.resample(77, 29.97, 8).max() < 77


def test_intervals_keep_to_their_limits_and_to_the_video():
    rng = np.random.default_rng(0)
    drawn = [sampling.random_interval(100, 5, (2, 10), rng) for _ in range(300)]
    assert {tuple(np.unique(np.diff(d))) for d in drawn} == {(n,) for n in range(2, 11)}
    assert min(d[0] for d in drawn) == 0
    assert max(d[-1] for d in drawn) == 99
    short = [sampling.random_interval(9, 5, (4, 10), rng) for _ in range(20)]
    assert {tuple(d) for d in short} == {(0, 2, 4, 6, 8)}
    np.testing.assert_array_equal(sampling.random_interval(3, 5, (2, 10), rng), [0, 1, 2, 0, 1])


def test_the_whole_video_is_spanned_as_printed():
    # N = 53, T = 17: t' = 3, frames 3, 6, ..., 51, counted from 1 (equations 13 and 14).
    (frames,) = sampling.whole_video(53, 17, views=1)
    np.testing.assert_array_equal(frames + 1, 3 * np.arange(1, 18))
    views = sampling.whole_video(53, 17, views=3)
    assert [view[0] for view in views] == [2, 1, 0]
    np.testing.assert_array_equal(sampling.whole_video(3, 5, 2), [[0, 1, 2, 0, 1]] * 2)
