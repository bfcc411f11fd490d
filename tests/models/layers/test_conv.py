import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxvid.models.layers.conv import Conv3D, ConvUnit, conv3d, scale_channels

KERNELS = [(1, 1, 1), (1, 3, 3), (3, 1, 1), (3, 3, 3), (7, 7, 7), (2, 3, 2)]
STRIDES = [(1, 1, 1), (2, 2, 2), (1, 2, 2), (2, 1, 1)]


def draw(seed, shape, dtype=np.float32):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def assert_close(actual, expected, tolerance):
    """Agreement relative to the largest value, so that sums near zero are not asked for more."""
    for a, e in zip(jax.tree.leaves(actual), jax.tree.leaves(expected), strict=True):
        assert a.shape == e.shape and a.dtype == e.dtype
        np.testing.assert_allclose(a, e, rtol=0, atol=tolerance * np.abs(e).max())


def value_and_gradients(function, weights, *args):
    """The output, and the gradient of its weighted sum by every argument."""

    def loss(*args):
        y = function(*args)
        return jnp.sum(y * weights[: y.size].reshape(y.shape)), y

    numbers = tuple(range(len(args)))
    gradients, y = jax.jit(jax.grad(loss, argnums=numbers, has_aux=True))(*args)
    return y, gradients


@pytest.mark.parametrize("strides", STRIDES)
@pytest.mark.parametrize("size", KERNELS)
def test_every_lowering_equals_the_native_convolution(size, strides):
    x, kernel = draw(0, (2, 5, 6, 7, 40)), draw(1, (*size, 40, 6))
    weights = draw(2, (5000,))
    decomposed, stacked, expected = (
        value_and_gradients(lambda x, k, how=how: conv3d(x, k, strides, how), weights, x, kernel)
        for how in ("decomposed", "stacked", "native")
    )
    assert_close(decomposed, expected, 1e-5)
    assert_close(stacked, expected, 1e-5)


@pytest.mark.parametrize("size", [(1, 1, 1), (1, 3, 3), (3, 1, 1), (3, 3, 3)])
def test_stacked_taps_take_one_operation(size):
    x, kernel = draw(0, (2, 5, 6, 7, 40)), draw(1, (*size, 40, 6))
    jaxpr = jax.make_jaxpr(lambda x, kernel: conv3d(x, kernel, lowering="stacked"))(x, kernel)
    used = [e.primitive.name for e in jaxpr.eqns]
    expected = "dot_general" if size[1:] == (1, 1) else "conv_general_dilated"
    assert [each for each in used if each in ("conv_general_dilated", "dot_general")] == [expected]


@pytest.mark.parametrize(
    "backend, lowering", [("cpu", "winograd"), ("gpu", "stacked"), ("tpu", "native")]
)
def test_auto_is_the_lowering_of_the_backend(backend, lowering, monkeypatch):
    monkeypatch.setattr(jax, "default_backend", lambda: backend)
    x, kernel = draw(0, (1, 8, 4, 4, 64)), draw(1, (3, 3, 3, 64, 64))
    auto, chosen = (
        str(jax.make_jaxpr(lambda x, kernel, how=how: conv3d(x, kernel, lowering=how))(x, kernel))
        for how in ("auto", lowering)
    )
    assert auto == chosen


@pytest.mark.parametrize("channels, features", [(3, 24), (5, 32), (3, 16), (1, 24)])
def test_few_input_channels_change_no_value(channels, features):
    x, kernel = draw(0, (1, 4, 9, 8, channels)), draw(1, (1, 7, 7, channels, features))
    weights = draw(2, (10000,))
    actual, expected = (
        value_and_gradients(lambda x, k, how=how: conv3d(x, k, (2, 2, 2), how), weights, x, kernel)
        for how in ("decomposed", "native")
    )
    assert_close(actual, expected, 1e-5)


def test_decomposed_convolution_equals_the_native_one_in_double_precision():
    with jax.enable_x64(True):
        x, kernel = draw(0, (1, 6, 5, 8, 3), np.float64), draw(1, (3, 3, 3, 3, 24), np.float64)
        weights = draw(2, (5000,), np.float64)
        actual, expected = (
            value_and_gradients(
                lambda x, k, how=how: conv3d(x, k, (2, 2, 2), how), weights, x, kernel
            )
            for how in ("decomposed", "native")
        )
        assert_close(actual, expected, 1e-12)


@pytest.mark.parametrize("how", ["native", "decomposed", "stacked"])
def test_convolution_equals_its_definition(how):
    x, kernel, strides = draw(0, (1, 4, 5, 6, 2)), draw(1, (2, 3, 4, 2, 3)), (2, 2, 2)
    expected = np.zeros((1, 2, 3, 3, 3), np.float32)
    # Totals of 0, 2 and 2 elements of padding: none in time, one on each side in space.
    padded = np.pad(x, [(0, 0), (0, 0), (1, 1), (1, 1), (0, 0)])
    for t, h, w in np.ndindex(2, 3, 3):
        window = padded[0, 2 * t : 2 * t + 2, 2 * h : 2 * h + 3, 2 * w : 2 * w + 4]
        expected[0, t, h, w] = np.einsum("thwc,thwcd->d", window, kernel)
    assert_close(jax.jit(conv3d, static_argnums=(2, 3))(x, kernel, strides, how), expected, 1e-5)


def test_unknown_lowering_raises():
    with pytest.raises(
        ValueError,
        match="unknown lowering 'fast': one of auto, native, decomposed, stacked, winograd",
    ):
        conv3d(jnp.zeros((1, 1, 1, 1, 1)), jnp.zeros((1, 1, 1, 1, 1)), lowering="fast")


def test_convolution_module_has_a_float32_kernel_and_computes_in_its_dtype():
    x = draw(0, (2, 3, 8, 8, 16))
    module = Conv3D(64, (3, 3, 3), use_bias=True, dtype=jnp.bfloat16)
    y, variables = jax.device_get(jax.jit(module.init_with_output)(jax.random.key(0), x))
    kernel, bias = variables["params"]["kernel"], variables["params"]["bias"]
    assert y.dtype == jnp.bfloat16 and kernel.dtype == bias.dtype == jnp.float32
    assert bias.shape == (64,) and not bias.any()
    np.testing.assert_allclose(kernel.std(), np.sqrt(2 / (27 * 16)), rtol=0.02)


def test_convolution_unit_normalises_with_an_offset_and_no_scale(initialise):
    x = draw(0, (2, 4, 6, 6, 3))
    unit = ConvUnit(8, (1, 3, 3), momentum=0.75)
    variables = initialise(unit, x, True)
    assert jax.tree.map(jnp.shape, variables) == {
        "params": {"conv": {"kernel": (1, 3, 3, 3, 8)}, "norm": {"bias": (8,)}},
        "batch_stats": {"norm": {"mean": (8,), "var": (8,)}},
    }
    kernel, bias = variables["params"]["conv"]["kernel"], variables["params"]["norm"]["bias"]
    old = variables["batch_stats"]["norm"]
    y = np.asarray(jax.jit(conv3d)(x, kernel), np.float64)
    mean, var = y.mean((0, 1, 2, 3)), y.var((0, 1, 2, 3))

    trained, updates = jax.jit(lambda v, x: unit.apply(v, x, True, mutable=["batch_stats"]))(
        variables, x
    )
    new = updates["batch_stats"]["norm"]
    expected = np.maximum((y - mean) / np.sqrt(var + 1e-3) + bias, 0)
    np.testing.assert_allclose(trained, expected, atol=1e-5)
    np.testing.assert_allclose(new["mean"], 0.75 * old["mean"] + 0.25 * mean, atol=1e-6)
    np.testing.assert_allclose(new["var"], 0.75 * old["var"] + 0.25 * var, rtol=1e-5)

    expected = np.maximum((y - old["mean"]) / np.sqrt(old["var"] + 1e-3) + bias, 0)
    evaluated = jax.jit(unit.apply, static_argnums=2)(variables, x, False)
    np.testing.assert_allclose(evaluated, expected, atol=1e-5)


@pytest.mark.parametrize("strides", [(1, 1, 1), (2, 2, 2), (1, 2, 2), (2, 1, 1), (4, 3, 2)])
@pytest.mark.parametrize(
    "size, shape, features",
    [
        ((3, 3, 3), (2, 5, 6, 7, 32), 12),
        ((7, 7, 7), (2, 5, 6, 7, 3), 6),
        ((7, 7, 7), (1, 8, 9, 8, 3), 24),
        ((2, 3, 2), (2, 4, 5, 5, 1), 3),
        ((5, 3, 3), (1, 7, 8, 3, 19), 8),
    ],
)
def test_few_channels_taken_together_change_no_value(size, shape, features, strides):
    x, kernel = draw(0, shape), draw(1, (*size, shape[-1], features))
    weights = draw(2, (50_000,))
    actual, expected = (
        value_and_gradients(lambda x, k, how=how: conv3d(x, k, strides, how), weights, x, kernel)
        for how in ("decomposed", "native")
    )
    assert_close(actual, expected, 1e-5)
    jaxpr = jax.make_jaxpr(lambda: conv3d(x, kernel, strides, "decomposed"))()
    assert str(jaxpr).count("conv_general_dilated[") == 1


def test_more_channels_are_taken_tap_by_tap():
    x, kernel = draw(0, (1, 4, 5, 5, 33)), draw(1, (3, 3, 3, 33, 8))
    jaxpr = jax.make_jaxpr(lambda: conv3d(x, kernel, (1, 1, 1), "decomposed"))()
    assert str(jaxpr).count("conv_general_dilated[") == 3


@pytest.mark.parametrize(
    "published, width, expected", [(64, 1.0, 64), (64, 0.25, 16), (96, 0.2, 16), (16, 0.1, 8)]
)
def test_channels_are_scaled_to_multiples_of_eight(published, width, expected):
    assert scale_channels(published, width) == expected
