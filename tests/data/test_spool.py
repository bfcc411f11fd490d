import pytest

from jaxvid.data.spool import Spooled


@pytest.mark.parametrize("limit", [1, 10**6])
def test_frames_are_read_back_in_any_order(limit):
    frames = [bytes([i]) * (i % 5) for i in range(50)]
    spooled = Spooled(iter(frames), limit)
    assert len(spooled) == 50
    assert [spooled[i] for i in (49, 0, 7, 8, 5)] == [frames[i] for i in (49, 0, 7, 8, 5)]
    assert list(spooled) == frames
    with pytest.raises(IndexError):
        spooled[50]
