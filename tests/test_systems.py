"""Every config file's system: small, that clips do not mix; at the paper's scale, its size."""

from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict

from jaxvid import models
from jaxvid.config import files as config_files
from jaxvid.data import loading
from jaxvid.data.clip_cutting import as_clip

CONFIGS = sorted(path.stem for path in Path(__file__).parent.parent.glob("configs/*.py"))
SYSTEMS = [name for name in CONFIGS if name != "sift"]  # which has no network

# At the paper's scale, without the classifier.
PARAMETERS = {
    "attention_lstm": 31_096_736,
    "c3d": 77_995_776,
    "cnn_gru": 6_576_688,
    "cnn_lstm": 6_904_368,
    "cnn_transformer": 6_645_296,
    "conv_fusion": 146_353_088,
    "deep_fusion": 188_756_221,
    "i3d": 12_279_984,
    "i3d_bilstm": 12_837_552,
    "i3d_bilstm_soft": 16_090_352,
    "li3d": 8_037_552,
    "li3d_bilstm": 8_595_120,
    "li3d_bilstm_soft": 11_847_920,
    "li3d_lstm": 8_316_336,
    "lrcn": 138_718_016,
    "short_snippets": 17_137_200,
    "st_gcn": 3_018_264,
    "two_stream": 11_182_112,
    "two_stream_lstm": 159_881_456,
    "vgg16": 134_260_544,
}
VARIANTS = {
    "short_snippets:ucf101,modality=flow": 17_152_880,
    "vgg16:ucf101,modality=flow": 134_263_424,
    "two_stream:ucf101,fusion=sum": 11_182_112,
    "st_gcn:ntu60": 3_026_433,
}


def clips_of(config: ConfigDict, batch: int, make: Any) -> Any:
    """A batch of clips as a config's network takes them, each stream made from its shape."""
    shapes = loading.clip_shapes(config.data, config.model.skeleton)
    clips = {name: make((batch, *shape)) for name, shape in shapes.items()}
    return as_clip(clips)


@pytest.mark.parametrize("name", SYSTEMS)
def test_clips_of_a_batch_do_not_mix(name, shallow, drawn):
    config = config_files.load(name)
    config.data.update(num_frames=8, image_size=32)
    config.model.update(width=0.125, temporal_stride=2, layers_per_stage=1)
    config.model.update(hidden=8, clusters=3, aggregated=8, fc_features=64)
    net = models.build(config.model, num_classes=5)
    rng = np.random.default_rng(0)
    clips = clips_of(config, 3, lambda shape: jnp.asarray(rng.uniform(-1, 1, shape), jnp.float32))
    init = partial(net.init, train=False)
    variables = drawn(jax.eval_shape(init, jax.random.key(0), clips))
    apply = jax.jit(lambda clips: net.apply(variables, clips, train=False))
    outputs = apply(clips)
    assert outputs.logits.shape == (3, 5)
    assert outputs.sequence.shape[:2] == (3, models.sequence_length(config.model, 8))
    if outputs.attention is not None:
        np.testing.assert_allclose(outputs.attention.sum(1), 1, rtol=1e-5)
    others = apply(jax.tree.map(lambda x: x.at[1:].set(-x[1:]), clips))
    np.testing.assert_allclose(others.logits[0], outputs.logits[0], atol=1e-5)
    assert not np.allclose(others.logits[1], outputs.logits[1], atol=1e-5)


@pytest.mark.parametrize("name", [*SYSTEMS, *VARIANTS])
def test_size_at_the_scale_of_the_paper(name):
    config = config_files.load(name if ":" in name else f"{name}:ucf101")
    net = models.build(config.model, num_classes=101)
    clips = clips_of(config, 1, lambda shape: jax.ShapeDtypeStruct(shape, jnp.float32))
    shapes = jax.eval_shape(
        lambda key, clips: net.init(key, clips, train=False), jax.random.key(0), clips
    )
    count = models.count_parameters(shapes["params"], classifier=False)
    assert count == (PARAMETERS | VARIANTS)[name]
