import numpy as np
import pytest

from jaxvid.data import live_source


@pytest.mark.parametrize(
    ("name", "known"),
    [
        *[(name, True) for name in ("webcam:0", "rtsp://host/x", "https://host/x.m3u8")],
        *[(name, False) for name in ("webcam:x", "C:/x.mp4", "a.mp4", "webcam")],
    ],
)
def test_sources_are_told_from_files(name, known):
    assert live_source.is_source(name) == known


def test_a_camera_of_any_rate_is_shown_at_an_even_one():
    times = np.array([0.0, 0.04, 0.08, 0.5, 0.52, 0.54, 0.95])
    clock = iter(100 + times)
    shown = list(live_source.evenly(range(len(times)), 10.0, clock=lambda: next(clock)))
    # Frames between two tenths of a second are left out; one that is late fills those before it.
    assert shown == [0, 3, 3, 3, 3, 3, 6, 6, 6, 6]


@pytest.mark.parametrize(
    ("stated", "shown"),
    [
        (np.arange(20) / 10, list(range(20))),
        (np.round(np.arange(20) / 10 - 0.004, 2), list(range(20))),  # rounded
        (np.zeros(20), list(range(20))),  # none
        (np.r_[np.arange(10), 1e9 + np.arange(10)] / 10, list(range(20))),  # damaged
        # Quick frames, then some of half a second.
        (np.r_[np.arange(10), 10, 15, 20] / 10, [*range(10), *[10] * 5, *[11] * 5, 12]),
    ],
)
def test_a_file_is_shown_by_the_times_it_states(stated, shown):
    times = iter(stated)
    clock = live_source.Times(lambda: next(times), 10.0)
    assert list(live_source.evenly(range(len(stated)), 10.0, clock, holds=True)) == shown


def test_a_file_without_times_is_shown_at_its_rate():
    clock = live_source.Times(lambda: float("nan"), 25.0)
    np.testing.assert_allclose([clock() for _ in range(4)], np.arange(4) / 25)
