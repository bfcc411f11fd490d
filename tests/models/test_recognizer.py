import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxvid import config as configs
from jaxvid import models
from jaxvid.models.pooling import Last, Mean
from jaxvid.models.recognizer import Recognizer
from jaxvid.models.recurrent import BiLSTM


def choose(**fields):
    model = configs.default().model
    model.update(bn_momentum=0.9, **fields)
    return model


def shapes(model, num_classes=101, dtype=jnp.float32):
    """Shapes of the outputs and of the variables for two clips of 64 frames, computing neither."""
    net = models.build(model, num_classes, dtype)
    clips = jax.ShapeDtypeStruct((2, 64, 224, 224, 3), jnp.float32)
    return jax.eval_shape(lambda x: net.init_with_output(jax.random.key(0), x, False), clips)


def draw(*shape):
    return np.random.default_rng(1).uniform(-1, 1, shape).astype(np.float32)


class Pixels(nn.Module):
    """A backbone that costs nothing: the average colour of every frame."""

    def __call__(self, clips, train):
        return clips.mean(axis=(2, 3))


@pytest.mark.parametrize(
    "fields, without, classifier",
    [
        ({"backbone": "i3d", "encoder": "none"}, 12_279_984, 1025 * 101),
        ({"encoder": "none"}, 8_037_552, 1025 * 101),
        ({"encoder": "lstm"}, 8_037_552 + 278_784, 65 * 101),
        ({"encoder": "bilstm"}, 8_037_552 + 557_568, 129 * 101),
        ({"encoder": "bilstm", "encoder_layers": 2}, 8_037_552 + 557_568 + 98_816, 129 * 101),
        ({"backbone": "i3d", "encoder": "bilstm"}, 12_279_984 + 557_568, 129 * 101),
    ],
)
def test_parameters_with_and_without_classifier(fields, without, classifier):
    _, variables = shapes(choose(**fields))
    params = variables["params"]
    assert models.count_parameters(params, classifier=False) == without
    assert models.count_parameters(params) == without + classifier
    encoder = set() if fields["encoder"] == "none" else {"encoder"}
    assert set(params) == {"backbone", "classifier"} | encoder


@pytest.mark.usefixtures("stages")
@pytest.mark.parametrize("encoder, width", [("none", 1024), ("lstm", 64), ("bilstm", 128)])
@pytest.mark.parametrize("pooling", ["mean", "last"])
def test_outputs_have_the_stated_shapes(encoder, width, pooling):
    outputs, _ = shapes(choose(encoder=encoder, pooling=pooling))
    assert outputs.logits.shape == (2, 101)
    assert outputs.embedding.shape == (2, width)
    assert outputs.sequence.shape == (2, 7, width)
    assert outputs.attention is None


@pytest.mark.usefixtures("stages")
def test_half_precision_keeps_parameters_statistics_and_logits_in_float32():
    outputs, variables = shapes(choose(), dtype=jnp.bfloat16)
    assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves((outputs, variables)))


def test_pooling_sees_the_whole_sequence(initialise):
    clips = draw(3, 5, 2, 2, 4)
    for encoder, pooling in [
        (None, Mean()),
        (None, Last()),
        (BiLSTM(6), Mean()),
        (BiLSTM(6), Last()),
    ]:
        net = Recognizer(Pixels(), encoder, pooling, num_classes=7)
        variables = initialise(net, clips, False)
        outputs = jax.jit(net.apply, static_argnums=2)(variables, clips, False)
        sequence = np.asarray(outputs.sequence)
        if isinstance(pooling, Mean):
            expected = sequence.mean(1)
        elif encoder is None:
            expected = sequence[:, -1]
        else:
            expected = np.concatenate([sequence[:, -1, :6], sequence[:, 0, 6:]], axis=1)
        np.testing.assert_allclose(outputs.embedding, expected, atol=1e-6)
        classifier = variables["params"]["classifier"]
        logits = expected @ classifier["kernel"] + classifier["bias"]
        np.testing.assert_allclose(outputs.logits, logits, atol=1e-5)


def test_dropout_is_random_in_training_alone(initialise):
    clips = draw(3, 5, 2, 2, 64)
    net = Recognizer(Pixels(), None, Mean(), num_classes=7, dropout=0.5)
    variables = initialise(net, clips, False)
    plain = jax.device_get(jax.jit(net.apply, static_argnums=2)(variables, clips, False))
    train = jax.jit(
        lambda seed: net.apply(variables, clips, True, rngs={"dropout": jax.random.key(seed)})
    )
    one, again, other = (jax.device_get(train(seed)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one.logits, again.logits)
    assert np.abs(one.logits - other.logits).max() > 1e-3
    assert np.abs(one.logits - plain.logits).max() > 1e-3
    np.testing.assert_allclose(one.embedding, plain.embedding, atol=1e-6)


@pytest.fixture(scope="module")
def small():
    model = choose(width=0.05, temporal_stride=2, factorised_stem=True, hidden=8, dropout=0.0)
    return models.build(model, num_classes=5)


@pytest.mark.usefixtures("stages")
def test_a_clip_is_scored_alone_in_evaluation(small, initialise):
    clips, others = draw(3, 8, 32, 32, 3), np.ones((3, 8, 32, 32, 3), np.float32)
    others[1] = clips[1]
    variables = initialise(small, clips, False)
    score = jax.jit(lambda clips: small.apply(variables, clips, False))
    leaves = (jax.tree.leaves(jax.device_get(score(batch))) for batch in (clips, others))
    for mine, theirs in zip(*leaves, strict=True):
        np.testing.assert_allclose(mine[1], theirs[1], atol=1e-5)
        assert np.abs(mine[0] - theirs[0]).max() > 1e-4


@pytest.mark.usefixtures("stages")
def test_batch_statistics_change_in_training_alone(small, initialise):
    clips = draw(2, 8, 32, 32, 3)
    variables = initialise(small, clips, False)

    def statistics(train):
        apply = jax.jit(lambda v: small.apply(v, clips, train, mutable=["batch_stats"])[1])
        return jax.tree.leaves(apply(variables)["batch_stats"])

    before = jax.tree.leaves(variables["batch_stats"])
    for old, evaluated, trained in zip(before, statistics(False), statistics(True), strict=True):
        np.testing.assert_array_equal(old, evaluated)
        assert np.isfinite(trained).all() and (old != trained).all()


def test_sequence_length_follows_the_config():
    assert models.sequence_length(choose(), 64) == 7
    assert models.sequence_length(choose(), 8) == 1
    assert models.sequence_length(choose(temporal_stride=4), 16) == 3


@pytest.mark.parametrize(
    "field, known",
    [
        ("backbone", "i3d, li3d"),
        ("encoder", "none, lstm, bilstm"),
        ("pooling", "mean, max, last"),
    ],
)
def test_unknown_part_raises_and_names_the_known_ones(field, known):
    with pytest.raises(ValueError, match=f"unknown {field} 'x': one of {known}"):
        models.build(choose(**{field: "x"}), num_classes=5)
