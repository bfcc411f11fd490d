"""The parts that no config file names, in a whole recogniser at a small size."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxvid import config as configs
from jaxvid import models
from jaxvid.config.names import POOLINGS

CHOICES = [
    {"encoder": "ln_lstm", "pooling": "last"},
    *[{"encoder": "lstm", "pooling": name} for name in POOLINGS if "soft" in name],
]


@pytest.mark.parametrize("fields", CHOICES, ids=lambda fields: "-".join(fields.values()))
def test_outputs_have_their_shapes_and_clips_do_not_mix(fields, drawn):
    model = configs.default().model
    model.update(backbone="c3d", width=0.03125, temporal_stride=2)
    model.update(hidden=8, clusters=3, aggregated=8, **fields)
    net = models.build(model, num_classes=5)
    clips = jnp.asarray(np.random.default_rng(0).uniform(-1, 1, (3, 8, 32, 32, 3)), jnp.float32)
    variables = drawn(jax.eval_shape(partial(net.init, train=False), jax.random.key(0), clips))
    apply = jax.jit(lambda clips: net.apply(variables, clips, train=False))
    outputs = apply(clips)
    steps = models.sequence_length(model, 8)
    assert outputs.logits.shape == (3, 5)
    assert outputs.sequence.shape[:2] == (3, steps)
    assert outputs.embedding.shape[0] == 3
    if outputs.attention is not None:
        np.testing.assert_allclose(outputs.attention.sum(1), 1, rtol=1e-5)
    others = apply(clips.at[1:].set(-clips[1:]))
    np.testing.assert_allclose(others.logits[0], outputs.logits[0], atol=1e-5)
    assert not np.allclose(others.logits[1], outputs.logits[1], atol=1e-5)
