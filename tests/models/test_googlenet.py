import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxvid.models.build import count_parameters
from jaxvid.models.googlenet import GoogLeNet
from jaxvid.models.i3d import Inception3D


def draw(*shape):
    return np.random.default_rng(1).uniform(-1, 1, shape).astype(np.float32)


def embed(kernel):
    """The 2D kernel at the middle of a cube of zeros."""
    beside = len(kernel[0]) // 2
    return np.pad(kernel, [(beside, beside)] + [(0, 0)] * 4)


def test_published_size():
    module = GoogLeNet()
    clips = jax.ShapeDtypeStruct((2, 3, 224, 224, 3), jnp.float32)
    features, variables = jax.eval_shape(
        lambda x: module.init_with_output(jax.random.key(0), x, False), clips
    )
    # The known 5,599,904 without the classifier, less one scale per channel of batch norm.
    channels = sum(leaf.size for leaf in jax.tree.leaves(variables["batch_stats"])) // 2
    assert count_parameters(variables["params"]) == 5_599_904 - channels
    assert features.shape == (2, 3, 1024)


@pytest.mark.usefixtures("stages")
def test_frames_give_what_the_3d_network_gives_for_clips_of_one(initialise):
    # There, SAME padding leaves each cube its middle alone.
    module, clips = GoogLeNet(width=0.05), draw(2, 3, 33, 47, 3)
    variables = initialise(module, clips, False)
    features = jax.jit(module.apply, static_argnums=2)(variables, clips, False)
    cubes = jax.tree.map(lambda leaf: embed(leaf) if leaf.ndim == 5 else leaf, variables)
    single = clips.reshape(6, 1, 33, 47, 3)
    expected = jax.jit(Inception3D(width=0.05).apply, static_argnums=2)(cubes, single, False)
    assert np.ptp(expected) > 0 and module.sequence_length(3) == 3
    np.testing.assert_allclose(
        features, expected.reshape(2, 3, -1), atol=1e-5 * np.abs(expected).max()
    )


@pytest.mark.usefixtures("stages")
def test_statistics_are_updated_and_gradients_reach_every_parameter(initialise):
    module, clips = GoogLeNet(width=0.05), draw(2, 4, 32, 32, 3)
    variables = initialise(module, clips, False)

    def loss(params):
        features, updates = module.apply(
            {**variables, "params": params}, clips, True, mutable=["batch_stats"]
        )
        # The batch fixes the mean of the squares of what batch norm returns.
        return jnp.sum(features**3), updates["batch_stats"]

    gradients, updated = jax.jit(jax.grad(loss, has_aux=True))(variables["params"])
    for gradient in jax.tree.leaves(gradients):
        assert np.isfinite(gradient).all() and np.abs(gradient).max() > 0
    moved = jax.tree.map(lambda a, b: not np.allclose(a, b), updated, variables["batch_stats"])
    assert all(jax.tree.leaves(moved))


@pytest.mark.usefixtures("stages")
def test_half_precision_gives_float32_features(initialise):
    clips = draw(1, 2, 32, 32, 3)
    variables = initialise(GoogLeNet(width=0.05), clips, False)
    module = GoogLeNet(width=0.05, dtype=jnp.bfloat16)
    features = jax.jit(module.apply, static_argnums=2)(variables, clips, False)
    assert features.dtype == jnp.float32 and np.isfinite(features).all()


def test_unknown_lowering_raises_and_names_the_known_ones():
    with pytest.raises(ValueError, match="unknown lowering 'x': one of auto"):
        GoogLeNet(lowering="x")
