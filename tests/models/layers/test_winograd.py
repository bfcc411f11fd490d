import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxvid.models.layers.conv import conv3d
from jaxvid.models.layers.winograd import A_T, B_T, G

CUBE, COLUMN = (3, 3, 3), (3, 1, 1)


def draw(seed, shape, dtype=np.float32):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


@functools.partial(jax.jit, static_argnums=(2, 3))
def value_and_gradients(x, kernel, strides, lowering):
    """The output, and the gradients of its sum, weighted at random, by x and by the kernel."""

    def loss(x, kernel):
        y = conv3d(x, kernel, strides, lowering)
        return jnp.sum((y * draw(2, y.shape, y.dtype)).astype(wide)), y

    wide = jnp.promote_types(x.dtype, jnp.float32)
    gradients, y = jax.grad(loss, argnums=(0, 1), has_aux=True)(x, kernel)
    return y, *gradients


def assert_equals_native(x, kernel, strides, lowering, tolerance):
    """Agreement relative to the largest value, so that sums near zero are not asked for more."""
    actual = value_and_gradients(x, kernel, strides, lowering)
    expected = value_and_gradients(x, kernel, strides, "native")
    for a, e in zip(actual, expected, strict=True):
        assert a.shape == e.shape and a.dtype == e.dtype == x.dtype
        np.testing.assert_allclose(a, e, rtol=0, atol=tolerance * np.abs(e).max())


def products(size, frames=8, channels=64, features=64, strides=(1, 1, 1), dtype=jnp.float32):
    """Multiplications per example and place, as a multiple of channels times features."""
    x = jax.ShapeDtypeStruct((2, frames, 4, 4, channels), dtype)
    kernel = jax.ShapeDtypeStruct((*size, channels, features), dtype)
    jaxpr = jax.make_jaxpr(lambda x, kernel: conv3d(x, kernel, strides, "winograd"))(x, kernel)
    total = 0
    for equation in jaxpr.eqns:
        kind = equation.primitive.name
        if kind in ("conv_general_dilated", "dot_general"):
            y, taps = equation.outvars[0].aval, equation.invars[1].aval
            total += y.size * taps.size // taps.shape[-1]
    return total / (2 * 4 * 4 // np.prod(strides[1:])) / channels / features


def test_the_matrices_correlate_six_steps_with_three_taps():
    steps, taps = draw(0, (6, 100), np.float64), draw(1, (3, 100), np.float64)
    expected = [(steps[n : n + 3] * taps).sum(axis=0) for n in range(4)]
    actual = A_T @ ((G @ taps) * (B_T @ steps))
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("frames", [4, 5, 8, 9])
@pytest.mark.parametrize("size", [CUBE, COLUMN])
def test_winograd_equals_the_native_convolution(size, frames):
    x, kernel = draw(0, (2, frames, 3, 4, 64)), draw(1, (*size, 64, 72))
    assert_equals_native(x, kernel, (1, 1, 1), "winograd", 1e-5)


@pytest.mark.parametrize("size", [CUBE, COLUMN])
@pytest.mark.parametrize("strides", [(1, 1, 1), (1, 2, 2)])
def test_winograd_equals_the_native_convolution_in_double_precision(size, strides):
    with jax.enable_x64(True):
        x, kernel = draw(0, (1, 5, 5, 4, 72), np.float64), draw(1, (*size, 72, 64), np.float64)
        assert_equals_native(x, kernel, strides, "winograd", 1e-11)


@pytest.mark.parametrize("size", [CUBE, COLUMN])
@pytest.mark.parametrize("strides", [(1, 1, 1), (1, 2, 2)])
def test_winograd_takes_half_the_products(size, strides):
    area = size[1] * size[2]
    assert products(size, strides=strides) == 8 * 3 * area / 2
    assert products(size, 4, strides=strides) == 4 * 3 * area / 2
    assert products(size, 6, strides=strides) == 8 * 3 * area / 2  # two tiles of four


@pytest.mark.parametrize("size", [CUBE, COLUMN])
@pytest.mark.parametrize(
    "fields, steps",
    [
        ({"frames": 3}, 3),
        ({"channels": 56}, 8),
        ({"features": 56}, 8),
        ({"strides": (2, 1, 1)}, 4),
        ({"strides": (2, 2, 2)}, 4),
        ({"dtype": jnp.bfloat16}, 8),
        ({"dtype": jnp.float16}, 8),
    ],
)
def test_other_layers_take_all_products(size, fields, steps):
    assert products(size, **fields) == steps * np.prod(size)


@pytest.mark.parametrize("size", [(1, 3, 3), (2, 3, 3), (5, 1, 1)])
def test_kernels_of_other_than_three_steps_take_all_products(size):
    assert products(size) == 8 * np.prod(size)


@pytest.mark.parametrize("lowering", ["stacked", "winograd"])
@pytest.mark.parametrize("size", [CUBE, COLUMN])
@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16])
def test_half_precision_is_as_close_as_its_rounding_allows(size, dtype, lowering):
    x = jnp.maximum(draw(0, (2, 8, 3, 4, 64)), 0).astype(dtype)
    kernel = (draw(1, (*size, 64, 64)) / 24).astype(dtype)
    actual = value_and_gradients(x, kernel, (1, 1, 1), lowering)
    wide = x.astype(jnp.float32), kernel.astype(jnp.float32)
    expected = value_and_gradients(*wide, (1, 1, 1), "native")
    for a, e in zip(actual, expected, strict=True):
        assert a.dtype == dtype
        error = np.linalg.norm(np.asarray(a, np.float32) - e) / np.linalg.norm(e)
        # A rounding is off by half an epsilon at most, and a sum of three taps takes a few.
        assert error < jnp.finfo(dtype).eps
