"""Blocks that are computed again for the gradient give what blocks that are kept give."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxvid.models import googlenet, i3d
from jaxvid.models.googlenet import GoogLeNet
from jaxvid.models.i3d import Inception3D, InceptionBlock, recomputed
from jaxvid.models.layers.conv import ConvUnit
from jaxvid.runtime import devices

NETWORKS = [(Inception3D, {"temporal_stride": 4}), (GoogLeNet, {})]


@pytest.fixture(autouse=True)
def _one_block(monkeypatch):
    """Leaves one Inception module of the nine: a quarter of the time to compile."""
    kept = {"mixed_3b": i3d.BRANCH_WIDTHS["mixed_3b"]}
    for module in (i3d, googlenet):
        monkeypatch.setattr(module, "BRANCH_WIDTHS", kept)


def step(module, variables, clips):
    """Gradients, features and statistics of a training step, as a function to trace."""

    def loss(params):
        features, updates = module.apply(
            variables | {"params": params}, clips, True, mutable=["batch_stats"]
        )
        # The batch fixes the mean of the squares of what batch norm returns.
        return jnp.sum(features**3), (features, updates["batch_stats"])

    return jax.grad(loss, has_aux=True)(variables["params"])


def pull_back(module, variables, clips):
    return jax.vjp(
        lambda v, x: module.apply(v, x, True, mutable=["batch_stats"]), variables, clips
    )[1]


def shapes_of(module, clips):
    return module.init(jax.random.key(0), clips, True)


def draw(*shape):
    return np.random.default_rng(1).uniform(-1, 1, shape).astype(np.float32)


@pytest.mark.parametrize("network, fields", NETWORKS)
def test_recomputed_blocks_change_nothing(network, fields, initialise):
    clips = draw(2, 4, 36, 32, 3)
    kept, again = (network(width=0.05, remat=remat, **fields) for remat in (False, True))
    variables = initialise(kept, clips, True)
    shapes = [jax.eval_shape(functools.partial(shapes_of, m), clips) for m in (kept, again)]
    assert shapes[0] == shapes[1]

    expected, actual = (
        jax.jit(functools.partial(step, module))(variables, clips) for module in (kept, again)
    )
    assert jax.tree.structure(actual) == jax.tree.structure(expected)
    for a, e in zip(jax.tree.leaves(actual), jax.tree.leaves(expected), strict=True):
        assert np.abs(e).max() > 0
        np.testing.assert_allclose(a, e, rtol=0, atol=1e-4 * np.abs(e).max())


@pytest.mark.parametrize("network, fields", NETWORKS)
def test_a_block_keeps_its_input_alone(network, fields):
    clips = jax.ShapeDtypeStruct((2, 8, 64, 64, 3), jnp.float32)
    bytes_kept = {}
    for remat in (False, True):
        module = network(width=0.125, remat=remat, **fields)
        variables = jax.eval_shape(lambda x, m=module: shapes_of(m, x), clips)
        # What a gradient keeps of the forward pass are the leaves of the function that pulls back.
        pull = jax.eval_shape(functools.partial(pull_back, module), variables, clips)
        bytes_kept[remat] = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(pull))
        jaxpr = jax.make_jaxpr(functools.partial(step, module))(variables, clips)
        names = [equation.primitive.name for equation in jaxpr.eqns]
        assert names.count("remat2") + names.count("checkpoint") == remat
    assert bytes_kept[True] < 0.9 * bytes_kept[False]


class Blocks(nn.Module):
    """Blocks of one size, whose memory no other layer hides."""

    remat: bool

    @nn.compact
    def __call__(self, x, train):
        cube = functools.partial(googlenet._square, unit=ConvUnit)
        block = recomputed(InceptionBlock) if self.remat else InceptionBlock
        for n in range(5):
            x = block((8,) * 6, ConvUnit, cube, name=f"mixed_{n}")(x, train)
        return x


def test_a_compiled_step_needs_less_memory():
    maps = jax.ShapeDtypeStruct((2, 8, 16, 16, 32), jnp.float32)
    memory = {}
    for remat in (False, True):
        module = Blocks(remat)
        variables = jax.eval_shape(functools.partial(shapes_of, module), maps)
        compiled = devices.jit(functools.partial(step, module)).lower(variables, maps).compile()
        memory[remat] = compiled.memory_analysis().temp_size_in_bytes
    assert memory[True] < 0.5 * memory[False]
