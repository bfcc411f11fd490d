import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from jaxvid.models.layers.max_pool import max_pool


def native(x, window, strides):
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, *window, 1), (1, *strides, 1), "SAME")


def values_and_gradient(pool, x, weights):
    """The output, and the gradient of its weighted sum."""

    def loss(x):
        y = pool(x)
        return jnp.sum(y * weights[: y.size].reshape(y.shape)), y

    gradient, y = jax.device_get(jax.jit(jax.grad(loss, has_aux=True))(x))
    return y, gradient


@pytest.mark.parametrize("strides", [(1, 1, 1), (2, 2, 2), (1, 2, 2), (3, 1, 4)])
@pytest.mark.parametrize("window", [(1, 3, 3), (3, 3, 3), (2, 2, 2), (4, 5, 1)])
@pytest.mark.parametrize("shape", [(2, 5, 6, 7, 3), (1, 1, 1, 1, 3), (1, 4, 9, 8, 2)])
def test_values_and_gradients_equal_the_native_ones(shape, window, strides):
    # Without ties, of which the two choose differently.
    x = np.random.default_rng(0).permutation(np.prod(shape)).reshape(shape).astype(np.float32) - 300
    weights = np.random.default_rng(1).standard_normal(2000).astype(np.float32)
    y, gradient = values_and_gradient(lambda x: max_pool(x, window, strides), x, weights)
    expected = values_and_gradient(lambda x: native(x, window, strides), x, weights)
    np.testing.assert_array_equal(y, expected[0])
    np.testing.assert_allclose(gradient, expected[1], rtol=0, atol=1e-5)


@pytest.mark.parametrize("strides", [(1, 1, 1), (2, 2, 2)])
def test_of_elements_that_tie_one_has_the_gradient(strides):
    x = np.random.default_rng(0).integers(0, 2, (1, 6, 6, 6, 4)).astype(np.float32)
    x[:, ::2, ::2, ::2] = 1  # one at least in every window
    y, gradient = values_and_gradient(
        lambda x: max_pool(x, (3, 3, 3), strides), x, np.ones(6**3 * 4, np.float32)
    )
    assert gradient.sum() == y.size  # one for each window, none of it at padding
    np.testing.assert_array_equal(gradient, np.round(gradient))
    assert not gradient[x == 0].any()


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float64])
def test_types_are_kept(dtype):
    with jax.enable_x64(dtype == jnp.float64):
        x = np.arange(64).reshape(1, 4, 4, 4, 1).astype(dtype)
        y, gradient = values_and_gradient(
            lambda x: max_pool(x, (3, 3, 3), (1, 2, 2)), x, np.ones(64, dtype)
        )
        assert y.dtype == gradient.dtype == dtype
