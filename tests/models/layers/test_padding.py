import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from jaxvid.models.layers.conv import conv3d
from jaxvid.models.layers.max_pool import max_pool
from jaxvid.models.layers.padding import same_padding, same_windows, with_one_more


def draw(seed, shape):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def test_odd_padding_puts_the_extra_element_at_the_end():
    assert same_padding(224, 7, 2) == (2, 3)
    assert same_padding(7, 3, 2) == (1, 1)
    assert same_padding(8, 3, 2) == (0, 1)
    assert same_padding(8, 1, 2) == (0, 0)


def test_a_slice_holds_one_element_of_each_window():
    x = np.arange(1, 8, dtype=np.float32)[None]
    slices = same_windows(x, axis=1, size=3, stride=2, fill=0)
    np.testing.assert_array_equal(
        np.stack(slices)[:, 0], [[0, 2, 4, 6], [1, 3, 5, 7], [2, 4, 6, 0]]
    )


@pytest.mark.parametrize("size", [7, 9])
def test_one_more_on_an_even_axis_is_symmetric_padding(size):
    x, kernel = draw(0, (2, 16, 3, 1, 4)), draw(1, (size, 1, 1, 4, 5))
    y = with_one_more(lambda x: conv3d(x, kernel, (2, 1, 1)), x, [1])
    margin = size // 2
    expected = lax.conv_general_dilated(
        x,
        kernel,
        (2, 1, 1),
        [(margin, margin), (0, 0), (0, 0)],
        dimension_numbers=("NTHWC", "THWIO", "NTHWC"),
    )
    assert y.shape == expected.shape and y.dtype == expected.dtype
    np.testing.assert_allclose(y, expected, rtol=0, atol=1e-6 * np.abs(expected).max())


def test_one_more_on_an_odd_axis_is_pooling_without_padding():
    x = draw(0, (2, 1, 9, 8, 4)) - 5  # zeros would win
    y = with_one_more(lambda x: max_pool(x, (1, 3, 1), (1, 2, 1)), x, [2], -jnp.inf)
    expected = np.stack([np.asarray(x)[:, :, n : n + 3].max(axis=2) for n in (0, 2, 4, 6)], axis=2)
    np.testing.assert_array_equal(y, expected)
