import cv2
import numpy as np
import pytest

from jaxvid.data import flow


def textured(height, width, shift):
    """A smooth random pattern, moved by (x, y) pixels, BGR."""
    noise = np.random.default_rng(0).uniform(0, 255, (height + 32, width + 32)).astype(np.float32)
    pattern = cv2.GaussianBlur(noise, (0, 0), 2)
    pattern = (pattern - pattern.min()) * 255 / np.ptp(pattern)
    moved = cv2.warpAffine(pattern, np.float32([[1, 0, shift[0]], [0, 1, shift[1]]]), None)
    grey = moved[16:-16, 16:-16].round().astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=-1)


@pytest.mark.parametrize("method", ["dis", "farneback"])
@pytest.mark.parametrize("size", [(54, 72), (128, 160)])
def test_a_known_motion_is_found(method, size):
    frames = [textured(*size, shift) for shift in [(0, 0), (2, -1), (4, -2)]]
    found = list(flow.estimate(frames, method))
    assert [f.shape for f in found] == [(*size, 2)] * 3
    for f in found:
        middle = f[8:-8, 8:-8]
        np.testing.assert_allclose(middle.mean((0, 1)), [2, -1], atol=0.15)
    np.testing.assert_array_equal(found[2], found[1])


def test_a_single_frame_has_no_motion():
    (found,) = flow.estimate([textured(32, 40, (0, 0))], "dis")
    assert found.shape == (32, 40, 2)
    assert not found.any()


def test_eight_bits_are_the_formula():
    values = np.array([-30, -20, -19.9, -0.05, 0, 0.3, 10, 20, 25], np.float32)
    stored = flow.quantise(values, 20)
    expected = [round((min(max(v, -20), 20) + 20) * 255 / 40) for v in values.astype(float)]
    assert stored.dtype == np.uint8
    assert stored.tolist() == expected
    np.testing.assert_allclose(stored / 127.5 - 1, np.clip(values, -20, 20) / 20, atol=1 / 255)


def test_a_mirror_of_the_frames_is_the_mirror_of_the_flow():
    frames = [textured(64, 80, shift) for shift in [(0, 0), (3, 1)]]
    (direct, _), (turned, _) = (
        [flow.quantise(f, 8) for f in flow.estimate(each, "dis")]
        for each in (frames, [np.ascontiguousarray(f[:, ::-1]) for f in frames])
    )
    middle = np.s_[8:-8, 8:-8]
    difference = flow.mirror(direct)[middle].astype(int) - turned[middle]
    assert np.abs(difference).mean() < 2
    assert flow.mirror(direct)[middle][..., 0].mean() < 127


def test_scaling_keeps_zero_and_stretches_the_rest():
    stored = flow.quantise(np.array([[0.0, 0.0], [2.0, -4.0], [8.0, 8.0]]), 8)
    scaled = flow.scale(stored, 0.5, 2.0) / 127.5 - 1
    np.testing.assert_allclose(scaled, [[0, 0], [0.125, -1], [0.5, 1]], atol=0.01)
    assert flow.scale(stored, 1, 1) is stored
