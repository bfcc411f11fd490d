import cv2
import numpy as np
import pytest

from jaxvid.classical import descriptors


def textured(side: int) -> np.ndarray:
    """Two frames of smooth random blobs, (2, side, side, 3)."""
    noise = np.random.default_rng(0).integers(0, 256, (2, side, side, 3), np.uint8)
    blurred = np.stack([cv2.GaussianBlur(frame, (0, 0), 2.0) for frame in noise])
    return cv2.normalize(blurred, None, 0, 255, cv2.NORM_MINMAX)


def test_each_keypoint_gives_a_row_of_norm_one():
    frames = textured(64)
    found = descriptors.sift(frames, min_side=0, contrast=0.02)
    each = [descriptors.sift(frame[None], 0, 0.02) for frame in frames]
    np.testing.assert_array_equal(found, np.concatenate(each))
    assert found.dtype == np.float32
    assert found.shape[0] > 20
    assert found.shape[1] == 128
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, rtol=1e-4)
    assert (found >= 0).all()


def test_rows_are_roots_of_opencvs_descriptors():
    frame = textured(64)[0]
    sift = cv2.SIFT_create(contrastThreshold=0.04)
    _, raw = sift.detectAndCompute(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), None)
    expected = np.sqrt(raw / raw.sum(1, keepdims=True))
    np.testing.assert_allclose(descriptors.sift(frame[None], 0, 0.04), expected, rtol=1e-6)


def test_small_frames_are_enlarged_and_large_ones_left():
    frames = textured(48)
    enlarged = np.stack([cv2.resize(f, (96, 96), interpolation=cv2.INTER_CUBIC) for f in frames])
    more = descriptors.sift(frames, min_side=96, contrast=0.02)
    assert len(more) == pytest.approx(len(descriptors.sift(enlarged, 0, 0.02)), rel=0.2)
    same = descriptors.sift(frames, min_side=48, contrast=0.02)
    np.testing.assert_array_equal(same, descriptors.sift(frames, 0, 0.02))


def test_blank_frames_have_none():
    found = descriptors.sift(np.full((2, 40, 60, 3), 90, np.uint8), 120, 0.0)
    assert found.shape == (0, 128)


@pytest.mark.parametrize(
    ("total", "count", "expected"),
    [(8, 4, [1, 3, 5, 7]), (9, 3, [1, 4, 7]), (100, 1, [50]), (3, 8, [0, 1, 2]), (1, 4, [0])],
)
def test_frames_are_equally_spaced(total, count, expected):
    assert descriptors.frame_indices(total, count).tolist() == expected


def test_a_video_without_frames_is_an_error():
    with pytest.raises(ValueError, match="without frames"):
        descriptors.frame_indices(0, 4)
