from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from jaxvid.models import Recognizer, count_parameters, vgg
from jaxvid.models.deep_fusion import ConvFusion, DeepFusion, interleave
from jaxvid.models.ln_lstm import LNLSTM
from jaxvid.models.pooling import Mean
from jaxvid.models.recurrent import LSTM
from jaxvid.models.vgg import VGG16

KEY = {"dropout": jax.random.key(0)}


@pytest.fixture
def shallow(monkeypatch):
    """Towers of three convolutions, whose maps are a quarter of the frame: quick to compile."""
    monkeypatch.setattr(vgg, "STAGES", ((1, 64), (1, 64), (1, 64)))


def draw(*shape):
    return np.random.default_rng(1).uniform(-1, 1, shape).astype(np.float32)


def draw_clips(batch, steps, height, width, stacked=2):
    return {
        "rgb": draw(batch, steps, height, width, 3),
        "flow": draw(batch, steps, height, width, 2 * stacked),
    }


def evaluate(module, variables, clips, **options):
    return jax.device_get(
        jax.jit(lambda v, x: module.apply(v, x, False, **options))(variables, clips)
    )


def evaluate_maps(tower, params, clips):
    return np.asarray(jax.jit(partial(tower.apply, method="maps"))({"params": params}, clips))


def published(fuse_fc):
    """The shapes of the variables of the paper's network, without computing any."""
    module = DeepFusion(ConvFusion(fuse_fc=fuse_fc), num_classes=101, hidden=101)
    clips = {
        "rgb": jax.ShapeDtypeStruct((1, 17, 224, 224, 3), jnp.float32),
        "flow": jax.ShapeDtypeStruct((1, 17, 224, 224, 8), jnp.float32),
    }
    return jax.eval_shape(lambda x: module.init_with_output(jax.random.key(0), x, False), clips)


def dense(params, x):
    return np.asarray(x) @ params["kernel"] + params["bias"]


def interleaved(spatial, temporal):
    """Eq. 1, counting channels from 1."""
    y = np.zeros((*spatial.shape[:-1], 2 * spatial.shape[-1]), np.float32)
    for d in range(1, spatial.shape[-1] + 1):
        y[..., 2 * d - 1] = spatial[..., d - 1]
        y[..., 2 * d - 1 - 1] = temporal[..., d - 1]
    return y


def fused(params, maps):
    """Eq. 2 over (T,H,W), one kernel position at a time, and a ReLU."""
    kernel, bias = params["conv"]["kernel"], params["conv"]["bias"]
    _, steps, height, width, _ = maps.shape
    padded = np.pad(maps, [(0, 0), (1, 1), (1, 1), (1, 1), (0, 0)])
    y = np.broadcast_to(bias, (*maps.shape[:-1], len(bias))).copy()
    for t, i, j in np.ndindex(3, 3, 3):
        y += padded[:, t : t + steps, i : i + height, j : j + width] @ kernel[t, i, j]
    return np.maximum(y, 0)


def fully_connected(params, maps):
    window = (1, 1, 2, 2, 1)
    pooled = lax.reduce_window(jnp.asarray(maps), -jnp.inf, lax.max, window, window, "SAME")
    return np.maximum(dense(params, pooled.reshape(*pooled.shape[:2], -1)), 0)


def test_interleave_equals_equation_1():
    spatial, temporal = draw(2, 3, 4, 5), -draw(2, 3, 4, 5)
    np.testing.assert_array_equal(interleave(spatial, temporal), interleaved(spatial, temporal))
    with pytest.raises(ValueError, match="same shape"):
        interleave(spatial, temporal[..., :1])


@pytest.mark.parametrize("fuse_fc, parameters", [(False, 188_756_221), (True, 325_079_293)])
def test_published_sizes(fuse_fc, parameters):
    outputs, variables = published(fuse_fc)
    params = variables["params"]
    assert count_parameters(params, classifier=False) == parameters
    assert count_parameters(params) == parameters + 101 * 101 + 101
    backbone = params["backbone"]
    assert backbone["temporal"]["conv1_1"]["conv"]["kernel"].shape == (1, 3, 3, 8, 64)
    assert backbone["fusion"]["conv"]["kernel"].shape == (3, 3, 3, 1024, 512)
    assert backbone["fc6"]["kernel"].shape == (7 * 7 * 512, 4096)
    assert params["lstm_conv"]["layer_0"]["kernel"].shape == (512 * 14 * 14, 404)
    assert params["lstm_fc"]["layer_0"]["kernel"].shape == (4096, 404)
    assert outputs.logits.shape == outputs.embedding.shape == (1, 101)
    assert outputs.sequence.shape == (1, 17, 202) and outputs.attention is None


@pytest.mark.parametrize("fuse_fc", [False, True])
@pytest.mark.parametrize("height, width", [(4, 4), (12, 20)])
def test_fusion_equals_the_written_out_equations(fuse_fc, height, width, shallow, initialise):
    module = ConvFusion(width=0.125, fc_features=128, fuse_fc=fuse_fc)
    clips = draw_clips(2, 3, height, width)
    variables = initialise(module, clips, False)
    params = variables["params"]
    spatial, temporal = (
        evaluate_maps(VGG16(width=0.125), params[tower], clips[name])
        for tower, name in (("spatial", "rgb"), ("temporal", "flow"))
    )
    expected_conv = fused(params["fusion"], interleaved(spatial, temporal))
    expected_fc = fully_connected(params["fc6"], expected_conv)
    if fuse_fc:
        kept = fully_connected(params["spatial_fc6"], spatial)
        expected_fc = np.maximum(dense(params["fc_fusion"], interleaved(kept, expected_fc)), 0)

    x_conv, x_fc = evaluate(module, variables, clips, method="maps_and_fc6")
    assert x_conv.shape == (2, 3, height // 4, width // 4, 8) and x_fc.shape == (2, 3, 16)
    assert np.ptp(expected_conv) > 0 and np.ptp(expected_fc) > 0
    np.testing.assert_allclose(x_conv, expected_conv, atol=1e-5 * np.abs(expected_conv).max())
    np.testing.assert_allclose(x_fc, expected_fc, atol=1e-5 * np.abs(expected_fc).max())


def test_whole_towers_on_frames_with_a_single_position(initialise):
    module, clips = ConvFusion(width=0.125), draw_clips(1, 3, 16, 16)
    variables = initialise(module, clips, False)
    x_conv, x_fc = evaluate(module, variables, clips, method="maps_and_fc6")
    assert x_conv.shape == (1, 3, 1, 1, 64) and x_fc.shape == (1, 3, 512)
    assert np.ptp(x_fc) > 0


def test_serves_as_a_backbone(shallow, initialise):
    backbone = ConvFusion(width=0.125, fc_features=128)
    module = Recognizer(backbone, None, Mean(), num_classes=5)
    clips = draw_clips(2, 3, 8, 8)
    variables = initialise(module, clips, False)
    outputs = evaluate(module, variables, clips)
    features = evaluate(backbone, {"params": variables["params"]["backbone"]}, clips)
    np.testing.assert_allclose(outputs.sequence, features, rtol=1e-5)
    assert outputs.logits.shape == (2, 5)
    assert features.shape[1] == backbone.sequence_length(3) == 3


def test_dropout_zeroes_the_output_of_each_fc6_in_training(shallow, initialise):
    module = ConvFusion(width=0.125, fc_features=512, fuse_fc=True)
    clips = draw_clips(2, 3, 8, 8)
    variables = initialise(module, clips, False)
    _, captured = jax.jit(
        lambda v, x: module.apply(v, x, True, rngs=KEY, capture_intermediates=True)
    )(variables, clips)
    for layer, dropout in (("fc6", "Dropout_0"), ("spatial_fc6", "Dropout_1")):
        before, after = (
            np.asarray(captured["intermediates"][name]["__call__"][0]) for name in (layer, dropout)
        )
        kept = after != 0
        assert 0.35 < kept[before > 0].mean() < 0.65 and not kept[before <= 0].any()
        np.testing.assert_allclose(after[kept], 2 * before[kept], rtol=1e-5)


@pytest.mark.parametrize("direct", [False, True])
def test_outputs_equal_the_parts_composed_by_hand(direct, shallow, initialise):
    backbone = ConvFusion(width=0.125, fc_features=128)
    module = DeepFusion(backbone, num_classes=5, hidden=5, direct=direct)
    clips = draw_clips(2, 3, 8, 8)
    variables = initialise(module, clips, False)
    params = variables["params"]

    def states(name, sequence):
        return evaluate(LNLSTM(5), {"params": params[name]}, sequence)

    x_conv, x_fc = evaluate(backbone, {"params": params["backbone"]}, clips, method="maps_and_fc6")
    first = states("lstm_conv", x_conv.reshape(2, 3, -1))
    sequence = np.concatenate([first, states("lstm_fc", x_fc)], axis=2)
    embedding = states("lstm", sequence)[:, -1]

    outputs = evaluate(module, variables, clips)
    np.testing.assert_allclose(outputs.sequence, sequence, atol=1e-5)
    np.testing.assert_allclose(outputs.embedding, embedding, atol=1e-5)
    assert ("classifier" in params) is not direct
    expected = embedding if direct else dense(params["classifier"], embedding)
    np.testing.assert_allclose(outputs.logits, expected, atol=1e-5)
    assert outputs.attention is None


def test_two_stream_lstm_equals_the_parts_composed_by_hand(shallow, initialise):
    tower = VGG16(width=0.125)
    module = DeepFusion(tower, num_classes=5, hidden=6, layer_norm=False)
    clips = draw(2, 3, 8, 8, 3)
    variables = initialise(module, clips, False)
    params = variables["params"]
    assert set(params["backbone"]) == {"conv1_1", "conv2_1", "conv3_1", "fc6"}

    def states(name, sequence):
        return evaluate(LSTM(6), {"params": params[name]}, sequence)

    maps = evaluate_maps(tower, params["backbone"], clips)
    x_fc = fully_connected(params["backbone"]["fc6"], maps)
    first = states("lstm_conv", maps.reshape(2, 3, -1))
    sequence = np.concatenate([first, states("lstm_fc", x_fc)], axis=2)
    embedding = states("lstm", sequence)[:, -1]

    outputs = evaluate(module, variables, clips)
    np.testing.assert_allclose(outputs.sequence, sequence, atol=1e-5)
    np.testing.assert_allclose(outputs.embedding, embedding, atol=1e-5)
    np.testing.assert_allclose(outputs.logits, dense(params["classifier"], embedding), atol=1e-5)

    trained = module.apply(variables, clips, True, rngs=KEY)
    assert 0.1 < np.mean(trained.sequence == 0) < 0.4 and (trained.embedding != 0).all()


def test_direct_logits_are_a_state(shallow, initialise):
    module = DeepFusion(ConvFusion(width=0.125), num_classes=6, hidden=6, direct=True)
    clips = draw_clips(2, 3, 8, 8)
    variables = jax.tree.map(lambda leaf: 30 * leaf, initialise(module, clips, False))
    logits = evaluate(module, variables, clips).logits
    assert 0.1 < np.abs(logits).max() < 1


def test_direct_requires_a_state_as_wide_as_the_classes():
    with pytest.raises(ValueError, match=r"direct requires .*: hidden=64, num_classes=101"):
        DeepFusion(ConvFusion(), num_classes=101, hidden=64, direct=True)


def test_embedding_is_the_state_before_its_dropout(shallow, initialise):
    backbone = ConvFusion(width=0.125, fc_features=128)
    module = DeepFusion(backbone, num_classes=64, hidden=64, direct=True)
    clips = draw_clips(4, 2, 8, 8)
    variables = initialise(module, clips, False)
    outputs = jax.device_get(
        jax.jit(lambda v, x: module.apply(v, x, True, rngs=KEY))(variables, clips)
    )
    kept = np.asarray(outputs.logits != 0)
    assert 0.65 < kept.mean() < 0.85 and (outputs.embedding != 0).all()
    np.testing.assert_allclose(outputs.logits[kept], outputs.embedding[kept] / 0.75, rtol=1e-5)
    assert 0.15 < np.mean(outputs.sequence == 0) < 0.35


def test_clips_of_a_batch_do_not_see_each_other(shallow, initialise):
    module = DeepFusion(ConvFusion(width=0.125, fuse_fc=True), num_classes=5, hidden=8)
    clips = draw_clips(3, 3, 8, 8)
    variables = initialise(module, clips, False)
    expected = evaluate(module, variables, clips)
    changed = {name: np.concatenate([x[:1], -x[1:]]) for name, x in clips.items()}
    outputs = evaluate(module, variables, changed)
    for field in ("logits", "embedding", "sequence"):
        ours, theirs = getattr(outputs, field), getattr(expected, field)
        np.testing.assert_allclose(ours[0], theirs[0], atol=1e-6)
        assert np.abs(ours[1:] - theirs[1:]).max() > 1e-3


@pytest.mark.parametrize("fuse_fc", [False, True])
def test_gradients_reach_every_parameter_of_both_towers(fuse_fc, shallow, initialise):
    module = DeepFusion(ConvFusion(width=0.125, fuse_fc=fuse_fc), num_classes=5, hidden=8)
    clips = draw_clips(2, 3, 8, 8)
    variables = initialise(module, clips, False)

    def loss(variables):
        return jnp.sum(module.apply(variables, clips, True, rngs=KEY).logits ** 2)

    gradients = jax.jit(jax.grad(loss))(variables)
    assert {"spatial", "temporal"} <= gradients["params"]["backbone"].keys()
    for gradient in jax.tree.leaves(gradients):
        assert np.isfinite(gradient).all() and np.abs(gradient).max() > 0


def test_half_precision_gives_float32_outputs(shallow, initialise):
    clips = draw_clips(2, 3, 8, 8)

    def build(dtype):
        backbone = ConvFusion(width=0.125, dtype=dtype)
        return DeepFusion(backbone, num_classes=5, hidden=8, dtype=dtype)

    variables = initialise(build(jnp.float32), clips, False)
    exact = evaluate(build(jnp.float32), variables, clips)
    outputs = evaluate(build(jnp.bfloat16), variables, clips)
    for ours, theirs in zip(jax.tree.leaves(outputs), jax.tree.leaves(exact), strict=True):
        assert ours.dtype == jnp.float32
        np.testing.assert_allclose(ours, theirs, atol=0.05)
    backbone = {"params": variables["params"]["backbone"]}
    assert evaluate(build(jnp.bfloat16).backbone, backbone, clips).dtype == jnp.float32


def test_unknown_lowering_raises_and_names_the_known_ones():
    with pytest.raises(ValueError, match="unknown lowering 'x': one of auto"):
        ConvFusion(lowering="x")
