import numpy as np
import pytest

from jaxvid.data import sampling, windows
from jaxvid.data.clip_cutting import ClipSettings
from jaxvid.data.frames import RecentFrames
from jaxvid.data.windows import Cutter, window_starts


class Numbers:
    """A modality whose frames are their own numbers."""

    def __init__(self, name):
        self.name = name

    def read(self, frames, indices, cut):
        values = [np.frombuffer(frames[i], np.int32) for i in indices]
        return np.stack([cut(np.broadcast_to(value[:, None, None], (1, 1, 2))) for value in values])

    def cut(self, frame, choose, size):
        choose(*frame.shape[:2])
        return frame

    def filled(self, frames):
        return frames


def numbers(total):
    """A video whose frames are their own numbers."""
    return ((np.int32(i).tobytes(),) for i in range(total))


def cut(cutter, total, fps, name="rgb", times=None):
    """The windows' times, and the frames in each of them."""
    found = list(cutter.cut(numbers(total), [Numbers(name)], fps, times))
    times = np.array([window.times for window, _ in found])
    return times, [clip[0, :, 0, 0, :] for _, clip in found]


@pytest.mark.parametrize(
    ("total", "length", "stride", "starts"),
    [
        (1, 8, 8, [0]),  # shorter than a window
        (8, 8, 8, [0]),
        (9, 8, 8, [0, 1]),  # moved back
        (16, 8, 8, [0, 8]),
        (20, 8, 4, [0, 4, 8, 12]),  # the one before ends there already
        (21, 8, 4, [0, 4, 8, 12, 13]),
        (20, 4, 10, [0, 10]),  # nothing is left to start in
        (21, 4, 10, [0, 10, 17]),
        (14, 4, 10, [0, 10]),
    ],
)
def test_windows_start_every_stride_and_the_last_one_ends_with_the_video(
    total, length, stride, starts
):
    assert window_starts(total, length, stride) == starts


def by_hand(settings, total, fps, length, stride, times=None):
    """The rule as the module states it, for a video whose frames are all there."""
    shown = sampling.resample(total, fps, settings.fps, times)
    if len(shown) < length:
        starts, length = [0], len(shown)
    else:
        starts = list(range(0, len(shown) - length + 1, stride))
        following = starts[-1] + stride
        if starts[-1] + length < len(shown) and following < len(shown):
            starts.append(len(shown) - length)
    chosen = []
    for start in starts:
        inside = shown[start : start + length]
        if settings.intervals:
            (places,) = sampling.whole_video(length, settings.num_frames, 1)
        else:
            (first,) = sampling.view_starts(length, settings.num_frames, 1)
            places = sampling.consecutive(length, settings.num_frames, first)
        chosen.append(inside[places])
    return np.array(starts), length, chosen


@pytest.mark.parametrize("intervals", [None, (2, 4)])
@pytest.mark.parametrize(("fps", "target"), [(25.0, 0.0), (30.0, 8.0), (29.97, 12.5), (8.0, 30.0)])
@pytest.mark.parametrize(("length", "stride"), [(0, 0), (0, 0.37), (2.0, 1.0), (1.0, 3.0)])
@pytest.mark.parametrize("total", [1, 5, 24, 133, 134, 160])
def test_windows_are_those_of_the_whole_video(intervals, fps, target, length, stride, total):
    settings = ClipSettings(8, 1, target, intervals=intervals)
    cutter = Cutter(settings, length, stride)
    rate = fps if target in (0, 30.0) else target
    default = 8 * 3 if intervals else 8
    frames = round(length * rate) if length else default
    step = round(stride * rate) if stride else frames
    starts, frames, chosen = by_hand(settings, total, fps, frames, step)

    times, clips = cut(cutter, total, fps)
    assert len(clips) == len(chosen)
    for clip, expected in zip(clips, chosen, strict=True):
        np.testing.assert_array_equal(clip[:, 0], expected)
    np.testing.assert_allclose(times[:, 0], starts / rate)
    np.testing.assert_allclose(times[:, 1], np.minimum((starts + frames) / rate, total / fps))


@pytest.mark.parametrize("target", [0.0, 8.0, 30.0])
@pytest.mark.parametrize("stride", [3, 16, 24])
def test_frames_at_a_varying_rate_are_taken_by_their_times(target, stride):
    times = np.cumsum(np.random.default_rng(0).uniform(0.01, 0.07, 200))
    times -= times[0]
    fps = 199 / times[-1]
    settings, rate = ClipSettings(16, 1, target), min(fps, target or fps)
    starts, _, chosen = by_hand(settings, 200, fps, 16, stride, times)
    found, clips = cut(Cutter(settings, 16 / rate, stride / rate), 200, fps, times=times)
    ticks = np.arange(201) / rate if target else np.append(times, 200 / fps)
    np.testing.assert_allclose(found[:, 0], ticks[starts])
    np.testing.assert_allclose(found[:, 1], np.minimum(ticks[starts + 16], 200 / fps))
    for clip, expected in zip(clips, chosen, strict=True):
        np.testing.assert_array_equal(clip[:, 0], expected)


def test_flow_around_a_window_comes_from_beyond_it():
    settings = ClipSettings(8, 1, 10.0, flow_stack=4)
    _, clips = cut(Cutter(settings), 100, 30.0, name="flow")
    shown = sampling.resample(100, 30.0, 10.0)
    assert len(clips) == 5  # four side by side and one that is moved back
    for start, clip in zip((0, 8, 16, 24, 25), clips, strict=True):
        around = shown[start : start + 8, None] + np.arange(-2, 2)
        # x and y of each of the four
        np.testing.assert_array_equal(clip, np.repeat(np.clip(around, 0, 99), 2, axis=1))


@pytest.mark.parametrize(("stride", "count"), [(0.1, 1318), (1.0, 166), (20.0, 9)])
def test_a_long_video_takes_no_more_memory_than_a_short_one(stride, count, monkeypatch):
    kept = []

    class Watched(RecentFrames):
        def drop(self, before):
            super().drop(before)
            kept.append(len(self._frames))

    monkeypatch.setattr(windows, "RecentFrames", Watched)
    cutter = Cutter(ClipSettings(16, 1, 8.0), stride=stride)
    cut(cutter, 300, 30.0)
    short = max(kept)
    kept.clear()
    _, clips = cut(cutter, 5000, 30.0)
    assert (max(kept) == short < 70, len(clips)) == (True, count)
