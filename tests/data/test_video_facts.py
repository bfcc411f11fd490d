"""What the times of frames tell of a video."""

import numpy as np
import pytest

from jaxvid.data.video_facts import Facts, Span


@pytest.mark.parametrize("gone", [[], [50], [50, 51], [10, 60, 90], [20, 21, 22, 23, 24]])
def test_several_that_are_missing_are_counted(gone):
    facts = Facts(fps=25.0, times=list(np.delete(np.arange(200), gone) / 25))
    assert facts.dropped == len(gone)


def test_none_are_missing_where_the_rate_varies():
    steps = np.random.default_rng(0).uniform(0.02, 0.2, 100)
    assert Facts(fps=25.0, times=list(np.cumsum(steps))).dropped == 0


def test_a_part_of_a_file_of_unknown_length_is_not_taken_for_the_whole():
    assert not Span(3, 5, or_whole=True).is_cut(0)
    assert Span(3, 5, or_whole=True).is_cut(2.5)
