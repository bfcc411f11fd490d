import numpy as np
import pytest

from jaxvid.errors import UserError
from jaxvid.inference import features, live, timeline
from jaxvid.inference.timeline import Segment, Spans

pytestmark = pytest.mark.usefixtures("shallow")
NAMES = ("Run", "Sit")


def spans(times, shares):
    return Spans(np.array(times, float), np.array([[share, 1 - share] for share in shares]))


def test_neighbours_of_one_label_are_one_segment():
    side_by_side = spans([[0, 2], [2, 4], [4, 6], [5, 7]], [0.9, 0.7, 0.2, 0.3])
    assert side_by_side.segments(NAMES) == [
        Segment(0.0, 4.0, "Run", pytest.approx(0.8)),
        Segment(4.0, 7.0, "Sit", pytest.approx(0.75)),
    ]
    # Of windows that overlap, each has what is nearest to its middle.
    overlapping = spans([[0, 2], [0.5, 2.5], [1, 3]], [0.9, 0.1, 0.8])
    assert [(s.start, s.end) for s in overlapping.segments(NAMES)] == [
        (0.0, 1.25),
        (1.25, 1.75),
        (1.75, 3.0),
    ]
    (one,) = spans([[0, 1.5]], [0.6]).segments(NAMES)
    assert (one.start, one.end, one.label) == (0.0, 1.5, "Run")


def test_windows_are_for_networks(tiny, tmp_path):
    tiny.model.system = "sift"
    with pytest.raises(UserError, match="--timeline labels windows with a network"):
        timeline.predict(tiny, tmp_path, [])
    with pytest.raises(UserError, match="--mode=features reads a network's activations"):
        features.opened(tiny, tmp_path)
    with (
        pytest.raises(UserError, match="the system sift has none"),
        live.labelled(tiny, tmp_path, "webcam:0", top=1),
    ):
        pass
