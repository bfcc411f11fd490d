import pytest

from jaxvid.data.skeleton_files.alphapose import read_alphapose


def results(*names, **about):
    return [{"image_id": name, "keypoints": [1.0, 2.0, 0.5] * 17, **about} for name in names]


@pytest.mark.parametrize(
    ("names", "counts"),
    [
        (["2.jpg", "4.jpg", "4.jpg"], [0, 0, 1, 0, 2]),  # of a video, whose first frame is 0
        ([2, 3], [0, 0, 1, 1]),
        (["img_00007.png", "img_00009.png"], [1, 0, 1]),
        (["00010.jpg", "00009.jpg"], [1, 1]),
    ],
)
def test_frames_without_anybody_are_there(names, counts):
    assert [len(found) for found in read_alphapose(results(*names)).frames] == counts


@pytest.mark.parametrize(("idx", "track"), [(3, 3), (3.0, 3), ([[5, 4.0]], 4), ([], None)])
def test_a_trackers_numbers_are_read(idx, track):
    [[person]] = read_alphapose(results("0.jpg", idx=idx)).frames
    assert person.track == track
