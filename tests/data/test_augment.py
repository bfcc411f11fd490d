import cv2
import numpy as np
import pytest

from jaxvid.data import augment


def test_key_frame_scaling_keeps_the_whole_frame():
    frame = np.random.default_rng(0).integers(0, 255, (24, 32, 3), np.uint8)
    crop = augment.key_frame_scaling(24, 32)
    expected = cv2.resize(frame, (8, 8), interpolation=cv2.INTER_AREA)
    np.testing.assert_array_equal(augment.apply(frame, crop, 8), expected)


def test_centre_crop_is_the_middle():
    frame = np.arange(10 * 14 * 3, dtype=np.uint8).reshape(10, 14, 3)
    cut = augment.apply(frame, augment.center_crop(10, 14, 6), 6)
    np.testing.assert_array_equal(cut, frame[2:8, 4:10])


def test_random_crop_stays_in_the_papers_interval():
    rng = np.random.default_rng(0)
    crops = [augment.random_crop(240, 320, 224, rng) for _ in range(2000)]
    # margin = 8 and 48: the starts lie in [6.4, 9.6] and [38.4, 57.6].
    assert {c.top for c in crops} == {7, 8, 9}
    assert {c.left for c in crops} == set(range(39, 58))
    assert {(c.height, c.width) for c in crops} == {(224, 224)}


def test_random_crop_where_the_interval_has_no_whole_pixel():
    rng = np.random.default_rng(0)
    crops = {augment.random_crop(225, 224, 224, rng) for _ in range(20)}
    assert crops == {augment.Crop(0, 0, 224, 224)}


@pytest.mark.parametrize("size", [(20, 50), (50, 20), (32, 32), (31, 33)])
def test_small_frames_are_enlarged_to_the_short_side(size):
    rng = np.random.default_rng(0)
    frame = np.zeros((*size, 3), np.uint8)
    for crop in (augment.center_crop(*size, 32), augment.random_crop(*size, 32, rng)):
        assert crop.height == crop.width == min(32, *size)
        assert 0 <= crop.top <= size[0] - crop.height
        assert 0 <= crop.left <= size[1] - crop.width
        assert augment.apply(frame, crop, 32).shape == (32, 32, 3)


def test_the_three_crops_are_drawn_evenly():
    rng = np.random.default_rng(0)
    crops = [augment.any_crop(100, 140, 60, rng) for _ in range(3000)]
    whole = sum(crop.width == 140 for crop in crops)
    middle = sum(crop == augment.center_crop(100, 140, 60) for crop in crops)
    assert 900 < whole < 1100
    assert 900 < middle < 1150  # the random crop meets the middle now and then
