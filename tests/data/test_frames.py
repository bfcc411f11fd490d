import pytest

from jaxvid.data.frames import RecentFrames, SpooledFrames, StoredFrames


@pytest.mark.parametrize("limit", [1, 10**6])
def test_spooled_frames_are_read_back_in_any_order(limit):
    frames = [bytes([i]) * (i % 5) for i in range(50)]
    spooled = SpooledFrames(iter(frames), limit)
    assert len(spooled) == 50
    assert [spooled[i] for i in (49, 0, 7, 8, 5)] == [frames[i] for i in (49, 0, 7, 8, 5)]
    assert list(spooled) == frames
    with pytest.raises(IndexError, match="frame 50 of 50"):
        spooled[50]


def test_stored_frames_are_read_once_where_they_are_asked_for_in_order():
    read = []
    frames = StoredFrames([2, 3, 1], lambda record: read.append(record) or [b"%d" % record] * 3)
    assert list(frames) == [b"0", b"0", b"1", b"1", b"1", b"2"]
    assert read == [0, 1, 2]


def test_recent_frames_keep_their_numbers():
    frames = RecentFrames()
    for i in range(5):
        frames.append(bytes([i]))
    frames.drop(2)
    frames.drop(1)
    assert len(frames) == 5
    assert [frames[i] for i in (2, 3, 4)] == [b"\2", b"\3", b"\4"]
    for gone in (1, 5, -1):
        with pytest.raises(IndexError, match=f"frame {gone} of 5, 2 dropped"):
            frames[gone]
    frames.drop(9)
    assert len(frames) == 5
