import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from jaxvid.models.build import count_parameters
from jaxvid.models.c3d import C3D

CONVOLUTIONS = ("1a", "2a", "3a", "3b", "4a", "4b", "5a", "5b")


def draw(*shape):
    return np.random.default_rng(1).uniform(-1, 1, shape).astype(np.float32)


def shapes(module, *clips):
    """Shapes of the features and of the variables, without computing either."""
    clips = jax.ShapeDtypeStruct(clips, jnp.float32)
    return jax.eval_shape(lambda x: module.init_with_output(jax.random.key(0), x, False), clips)


def written_out(params, x):
    """C3D at stride 16 by XLA's native operations."""
    for name in CONVOLUTIONS:
        conv = params[f"conv{name}"]["conv"]
        layout = ("NTHWC", "THWIO", "NTHWC")
        x = lax.conv_general_dilated(x, conv["kernel"], (1, 1, 1), "SAME", dimension_numbers=layout)
        x = jnp.maximum(x + conv["bias"], 0)
        if name in ("1a", "2a", "3b", "4b", "5b"):
            window = (1, 1 if name == "1a" else 2, 2, 2, 1)
            x = lax.reduce_window(x, -jnp.inf, lax.max, window, window, "SAME")
    x = x.reshape(*x.shape[:2], -1)
    for name in ("fc6", "fc7"):
        x = jnp.maximum(x @ params[name]["kernel"] + params[name]["bias"], 0)
    return x


def test_published_size_and_features():
    features, variables = shapes(C3D(temporal_stride=16), 2, 16, 112, 112, 3)
    # With the classifier over the 487 classes of Sports-1M: 79,991,015.
    assert count_parameters(variables["params"]) == 77_995_776
    assert variables["params"]["fc6"]["kernel"].shape == (8192, 4096)
    assert features.shape == (2, 1, 4096) and features.dtype == jnp.float32


def test_features_equal_those_of_native_operations(initialise):
    module, clips = C3D(width=0.03, temporal_stride=16), draw(1, 17, 32, 40, 3)
    variables = initialise(module, clips, False)
    features = jax.jit(module.apply, static_argnums=2)(variables, clips, False)
    assert features.shape == (1, 2, 120)
    expected = jax.jit(written_out)(variables["params"], clips)
    assert np.ptp(expected) > 0
    np.testing.assert_allclose(features, expected, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("stride", [16, 8, 4, 2, 1])
def test_sequence_length_is_the_number_of_steps(stride):
    module = C3D(width=0.03, temporal_stride=stride)
    _, variables = shapes(module, 1, 8, 32, 32, 3)
    for frames in (8, 16, 17, 64):
        clips = jax.ShapeDtypeStruct((1, frames, 32, 32, 3), jnp.float32)
        features = jax.eval_shape(module.apply, variables, clips)
        assert features.shape[1] == module.sequence_length(frames) == -(-frames // stride)


def test_small_clip_keeps_a_sequence_and_gradients_reach_every_parameter(initialise):
    module, clips = C3D(width=0.03, temporal_stride=4), draw(2, 8, 32, 32, 3)
    variables = initialise(module, clips, False)

    def loss(variables):
        features = module.apply(variables, clips, False)
        return jnp.sum(features**2), features

    gradients, features = jax.jit(jax.grad(loss, has_aux=True))(variables)
    assert features.shape[:2] == (2, 2)
    for gradient in jax.tree.leaves(gradients):
        assert np.isfinite(gradient).all() and np.abs(gradient).max() > 0


def test_dropout_zeroes_features_in_training_alone(initialise):
    module, clips = C3D(width=0.03, temporal_stride=16), draw(2, 8, 32, 32, 3)
    variables = initialise(module, clips, False)
    apply = jax.jit(module.apply, static_argnums=2)
    still = apply(variables, clips, False)
    moved = apply(variables, clips, True, rngs={"dropout": jax.random.key(0)})
    assert (moved == 0).mean() > (still == 0).mean() + 0.15


def test_half_precision_gives_float32_features(initialise):
    clips = draw(1, 8, 32, 32, 3)
    variables = initialise(C3D(width=0.03), clips, False)
    exact, features = (
        jax.jit(C3D(width=0.03, dtype=dtype).apply, static_argnums=2)(variables, clips, False)
        for dtype in (jnp.float32, jnp.bfloat16)
    )
    assert features.dtype == jnp.float32
    np.testing.assert_allclose(features, exact, atol=0.05 * np.abs(exact).max())


@pytest.mark.parametrize("field, known", [("temporal_stride", "16, 8"), ("lowering", "auto")])
def test_unknown_choice_raises_and_names_the_known_ones(field, known):
    with pytest.raises(ValueError, match=f"unknown {field} 'x': one of {known}"):
        C3D(**{field: "x"})


def test_last_pooling_pads_both_sides(initialise):
    module = C3D(width=0.05, temporal_stride=16, padding="torch")
    clips = draw(1, 16, 48, 48, 3)  # maps of 3x3 before the last pooling
    variables = initialise(module, clips, False)
    _, state = jax.jit(
        lambda v, x: module.apply(v, x, False, capture_intermediates=True, mutable=True)
    )(variables, clips)
    maps = state["intermediates"]["conv5b"]["__call__"][0].max(axis=1)  # (B,3,3,C)
    pooled = jnp.stack([maps[:, 0], maps[:, 1:].max(axis=1)], axis=1)
    pooled = jnp.stack([pooled[:, :, 0], pooled[:, :, 1:].max(axis=2)], axis=2)
    fc6 = variables["params"]["fc6"]
    expected = pooled.reshape(1, -1) @ fc6["kernel"] + fc6["bias"]
    found = state["intermediates"]["fc6"]["__call__"][0][:, 0]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
