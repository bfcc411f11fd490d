import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from jaxvid.models.build import count_parameters
from jaxvid.models.vgg import VGG16

LAYERS = (
    *("1_1", "1_2", "pool", "2_1", "2_2", "pool", "3_1", "3_2", "3_3", "pool"),
    *("4_1", "4_2", "4_3", "pool", "5_1", "5_2", "5_3"),
)


def draw(*shape):
    return np.random.default_rng(1).uniform(-1, 1, shape).astype(np.float32)


def shapes(module, *clips):
    """Shapes of the features and of the variables, without computing either."""
    clips = jax.ShapeDtypeStruct(clips, jnp.float32)
    return jax.eval_shape(lambda x: module.init_with_output(jax.random.key(0), x, False), clips)


def written_out(params, frames):
    """VGG-16 up to conv5_3 by XLA's native operations in 2D: (B,H,W,C) -> (B,h,w,C')."""
    x, window = frames, (1, 2, 2, 1)
    for layer in LAYERS:
        if layer == "pool":
            x = lax.reduce_window(x, -jnp.inf, lax.max, window, window, "SAME")
            continue
        conv = params[f"conv{layer}"]["conv"]
        layout = ("NHWC", "HWIO", "NHWC")
        kernel = conv["kernel"][0]
        x = lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=layout)
        x = jnp.maximum(x + conv["bias"], 0)
    return x


@pytest.mark.parametrize("channels, parameters", [(3, 14_714_688), (8, 14_717_568)])
def test_published_sizes(channels, parameters):
    features, variables = shapes(VGG16(), 2, 17, 224, 224, channels)
    assert count_parameters(variables["params"]) == parameters
    assert features.shape == (2, 17, 512)


@pytest.mark.parametrize("size, channels", [((32, 48), 3), ((33, 47), 8)])
def test_maps_equal_those_of_native_operations_on_every_frame(size, channels, initialise):
    module, clips = VGG16(width=0.125), draw(2, 3, *size, channels)
    variables = initialise(module, clips, False)
    expected = jax.jit(jax.vmap(written_out, (None, 1), 1))(variables["params"], clips)
    assert np.ptp(expected) > 0
    maps = jax.jit(lambda v, x: module.apply(v, x, method="maps"))(variables, clips)
    tolerance = 1e-5 * np.abs(expected).max()
    np.testing.assert_allclose(maps, expected, atol=tolerance)
    features = jax.jit(module.apply, static_argnums=2)(variables, clips, False)
    np.testing.assert_allclose(features, np.mean(expected, (2, 3)), atol=tolerance)
    assert module.sequence_length(3) == features.shape[1] == 3


def test_maps_at_published_size():
    module, clips = VGG16(), jax.ShapeDtypeStruct((1, 17, 224, 224, 3), jnp.float32)
    variables = shapes(module, *clips.shape)[1]
    maps = jax.eval_shape(lambda v, x: module.apply(v, x, method="maps"), variables, clips)
    assert maps.shape == (1, 17, 14, 14, 512)


def test_captured_maps_are_those_after_the_relu(initialise):
    module, clips = VGG16(width=0.125), draw(1, 1, 32, 32, 3)
    variables = initialise(module, clips, False)
    _, captured = jax.jit(lambda v, x: module.apply(v, x, False, capture_intermediates=True))(
        variables, clips
    )
    captured = jax.device_get(captured)
    for name, shape in {
        "conv1_1": (1, 1, 32, 32, 8),
        "conv3_2": (1, 1, 8, 8, 32),
        "conv4_2": (1, 1, 4, 4, 64),
    }.items():
        (maps,) = captured["intermediates"][name]["__call__"]
        assert maps.shape == shape and maps.min() == 0 < maps.max()


def test_gradients_reach_every_parameter(initialise):
    module, clips = VGG16(width=0.125), draw(1, 2, 32, 32, 3)
    variables = initialise(module, clips, False)

    def loss(variables):
        return jnp.sum(module.apply(variables, clips, True) ** 2)

    for gradient in jax.tree.leaves(jax.jit(jax.grad(loss))(variables)):
        assert np.isfinite(gradient).all() and np.abs(gradient).max() > 0


def test_half_precision_gives_float32_features(initialise):
    clips = draw(1, 2, 32, 32, 3)
    variables = initialise(VGG16(width=0.125), clips, False)
    exact, features = (
        jax.jit(VGG16(width=0.125, dtype=dtype).apply, static_argnums=2)(variables, clips, False)
        for dtype in (jnp.float32, jnp.bfloat16)
    )
    assert features.dtype == jnp.float32
    np.testing.assert_allclose(features, exact, atol=0.05 * np.abs(exact).max())


def test_unknown_lowering_raises_and_names_the_known_ones():
    with pytest.raises(ValueError, match="unknown lowering 'x': one of auto"):
        VGG16(lowering="x")


def test_published_size_with_fully_connected_layers():
    features, variables = shapes(VGG16(fully_connected=True), 2, 1, 224, 224, 3)
    # With 1000 classes on the 4096 features the paper's table 2 has 138 million.
    assert count_parameters(variables["params"]) == 138_357_544 - 4_097_000
    assert features.shape == (2, 1, 4096)
