"""What does not change in training: a frozen backbone, batch norm with fixed statistics."""

from functools import partial

import flax.linen as nn
import jax
import numpy as np
import pytest

from jaxvid import config as configs
from jaxvid import models
from jaxvid.models.layers.batch_norm import keep_statistics

pytestmark = pytest.mark.usefixtures("shallow")
IMAGE_NORMS = (2, 8, 32, 32, 3)
CASES = {
    "inception2d": IMAGE_NORMS,
    "st_gcn": (2, 8, 2, 18, 3),
}


def network(**fields):
    model = configs.default().model
    model.update(width=0.125, temporal_stride=2, layers_per_stage=1, hidden=8, fc_features=64)
    model.update(fields)
    return models.build(model, num_classes=3)


def randoms(shape, seed):
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32)


@pytest.mark.parametrize("backbone", CASES)
def test_fixed_statistics_are_those_of_evaluation(backbone, drawn):
    net = network(backbone=backbone, encoder="none", dropout=0.0, backbone_dropout=0.0)
    clips = randoms(CASES[backbone], 0)
    variables = drawn(jax.eval_shape(partial(net.init, train=False), jax.random.key(0), clips))
    stats = jax.tree.map(lambda leaf: 0.5 + np.abs(randoms(leaf.shape, 1)), variables)
    variables = variables | {"batch_stats": stats["batch_stats"]}

    @jax.jit
    def training(variables):
        with nn.intercept_methods(keep_statistics):
            return net.apply(variables, clips, train=True, mutable=["batch_stats"])

    outputs, updated = training(variables)
    expected = jax.jit(lambda variables: net.apply(variables, clips, train=False))(variables)
    np.testing.assert_allclose(outputs.logits, expected.logits, rtol=1e-4, atol=1e-5)
    jax.tree.map(np.testing.assert_array_equal, updated["batch_stats"], variables["batch_stats"])


@pytest.mark.parametrize("system", ["recognizer", "deep_fusion"])
def test_a_frozen_backbone_is_a_fixed_function_of_the_clip(system, drawn):
    """As in evaluation, without dropout; the head's gradient is the one on fixed features."""
    clips = randoms(IMAGE_NORMS, 0)
    if system == "deep_fusion":
        parts = {"backbone": "conv_fusion", "encoder": "ln_lstm", "pooling": "last"}
        clips = {"rgb": clips, "flow": clips[..., :2]}
    else:
        parts = {"backbone": "inception2d", "encoder": "lstm"}
    net = network(system=system, dropout=0.0, backbone_dropout=0.5, encoder_dropout=0.0, **parts)
    variables = drawn(jax.eval_shape(partial(net.init, train=False), jax.random.key(0), clips))

    def gradient(**options):
        @jax.jit
        def of(params):
            def loss(params):
                outputs = net.apply(variables | {"params": params}, clips, **options)
                return (outputs.logits**2).sum()

            return jax.value_and_grad(loss)(params)

        loss, gradient = jax.device_get(of(variables["params"]))
        return loss, gradient.pop("backbone"), gradient

    dropout = {"dropout": jax.random.key(1)}
    loss, backbone, frozen = gradient(train=True, frozen=True, rngs=dropout)
    expected_loss, _, expected = gradient(train=False)
    np.testing.assert_allclose(loss, expected_loss, rtol=1e-5)
    assert not any(leaf.any() for leaf in jax.tree.leaves(backbone))
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-6), frozen, expected
    )
