import dataclasses
import importlib
import subprocess
import sys

import flax.linen as nn
import jax
import numpy as np
import optax
import pytest

from jaxvid import config as configs
from jaxvid import models
from jaxvid.config import files as config_files
from jaxvid.config import names
from jaxvid.models import i3d
from jaxvid.models.build import FIELDS, PARTS

# Defaults that are not the config's, whose value is for other backbones, or for training by it.
EXCEPTIONS = {("STGCN", "temporal_stride"): 4, ("Recognizer", "dropout"): 0.0}


def part_of(family, name):
    file, _, class_name = PARTS[family][name].partition(":")
    return getattr(importlib.import_module(f"jaxvid.models.{file}"), class_name)


class Pixels(nn.Module):
    """A backbone that costs nothing: the average colour of every frame."""

    def __call__(self, clips, train=False):
        return clips.mean(axis=(2, 3))


def run(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_families_are_those_that_configs_name():
    assert tuple(PARTS["backbone"]) == names.BACKBONES
    assert tuple(PARTS["encoder"]) == names.ENCODERS
    assert tuple(PARTS["pooling"]) == names.POOLINGS


def test_every_part_is_offered_by_its_class_name():
    for family, parts in PARTS.items():
        for name in filter(parts.get, parts):
            assert getattr(models, part_of(family, name).__name__) is part_of(family, name)
    assert set(models.__all__) <= set(dir(models))
    assert all(getattr(models, name) for name in models.__all__)
    with pytest.raises(AttributeError, match="no attribute 'I4D'"):
        models.I4D  # noqa: B018


@pytest.mark.parametrize("family", PARTS)
def test_defaults_are_those_of_the_config(family):
    model, compared = configs.default().model, 0
    for name in filter(PARTS[family].get, PARTS[family]):
        part = part_of(family, name)
        for field in dataclasses.fields(part):
            if field.name in PARTS:  # a system's parts are modules, not names
                continue
            source = FIELDS[family].get(field.name, field.name)
            if source in model and field.default is not dataclasses.MISSING:
                default = EXCEPTIONS.get((part.__name__, field.name), model[source])
                assert field.default == default, (part, field.name)
                compared += 1
    assert compared >= {"backbone": 40, "encoder": 10, "pooling": 8, "system": 3}[family]


def test_nothing_is_imported_before_it_is_used():
    code = """
import sys
from jaxvid import models
models.list(), dir(models)
print("jax" in sys.modules)
models.LI3D
print("jax" in sys.modules, "jaxvid.models.st_gcn" in sys.modules)
models.create("li3d_bilstm", num_classes=5, scale="small")
print("jaxvid.models.st_gcn" in sys.modules, "jaxvid.models.transformer" in sys.modules)
"""
    assert run(code) == ["False", "True", "False", "False", "False"]


@pytest.mark.parametrize("name", models.list())
def test_created_is_what_the_config_builds(name):
    paper = models.build(config_files.load(f"{name}:ucf101").model, 7)
    assert paper == models.create(name, num_classes=7) == models.create(f"{name}:ucf101", 7)
    small = models.build(config_files.load(name).model, 7)
    assert small == models.create(name, 7, scale="small")
    assert small == models.create(f"{name}:embedded,scale=small", 7)


def test_created_has_the_given_fields():
    net = models.create("li3d_bilstm", num_classes=10, width=0.25, hidden=8, dtype="bfloat16")
    assert isinstance(net.backbone, models.LI3D) and net.num_classes == 10
    assert (net.backbone.width, net.backbone.temporal_stride, net.encoder.hidden) == (0.25, 8, 8)
    assert net.backbone.dtype == net.encoder.dtype == jax.numpy.bfloat16
    assert models.create("st_gcn:ntu60", 60).backbone.centre == 20


@pytest.mark.parametrize(
    "name, fields, message",
    [
        ("li3d_bilstmm", {}, "unknown config 'li3d_bilstmm': .*; did you mean 'li3d_bilstm'"),
        ("sift", {}, "unknown config 'sift': one of attention_lstm, c3d"),
        ("li3d", {"widht": 1}, "field of config.model 'widht': .*; did you mean 'width'"),
        ("li3d", {"width": "wide"}, "config.model.width='wide'"),
        ("li3d", {"width": -1.0}, "config.model.width=-1.0"),
        ("li3d", {"backbone": "li4d"}, "unknown backbone 'li4d': .*; did you mean 'li3d'"),
        ("li3d", {"scale": "large"}, "scale=large"),
        ("li3d:ucf", {}, "unknown dataset 'ucf'"),
    ],
)
def test_what_is_unknown_is_named(name, fields, message):
    with pytest.raises(ValueError, match=message):
        models.create(name, num_classes=10, **fields)


def test_attention_reaches_the_outputs_and_parts_compose(initialise):
    backbone, encoder = Pixels(), models.BiLSTM(4)
    net = models.Recognizer(backbone, encoder, models.Attention(), num_classes=3)
    clips = np.random.default_rng(0).uniform(-1, 1, (2, 5, 4, 4, 3)).astype(np.float32)
    variables = initialise(net, clips)
    outputs = jax.device_get(jax.jit(net.apply)(variables, clips))
    np.testing.assert_allclose(outputs.attention.sum(axis=1), 1, rtol=1e-5)
    pooling = {"params": variables["params"]["pooling"]}
    pooled = jax.jit(models.Attention().apply)(pooling, outputs.sequence)
    np.testing.assert_allclose(pooled, outputs.embedding, rtol=1e-5)
    plain = models.Recognizer(backbone, encoder, num_classes=3)
    assert isinstance(plain.pooling, models.Mean) and plain.dropout == 0
    assert "pooling" not in jax.eval_shape(plain.init, jax.random.key(0), clips)["params"]
    assert models.Recognizer(backbone, encoder, models.Mean(), 3) == plain
    with pytest.raises(ValueError, match="num_classes=0: must be at least 1"):
        models.Recognizer(models.VGG16())


def test_a_loop_of_ones_own_trains(monkeypatch, initialise):
    # One Inception module of the nine, which is quicker to compile.
    monkeypatch.setattr(i3d, "BRANCH_WIDTHS", {"mixed_3b": i3d.BRANCH_WIDTHS["mixed_3b"]})
    net = models.Recognizer(models.LI3D(width=0.125), num_classes=3)
    rng = np.random.default_rng(0)
    clips = models.normalize(rng.integers(0, 256, (6, 8, 32, 32, 3), np.uint8))
    labels = np.arange(6) % 3
    optimizer = optax.adam(1e-2)

    @jax.jit
    def step(variables, state):
        def loss_of(params):
            outputs, updates = net.apply(
                {**variables, "params": params}, clips, train=True, mutable=["batch_stats"]
            )
            losses = optax.softmax_cross_entropy_with_integer_labels(outputs.logits, labels)
            return losses.mean(), updates

        (loss, updates), gradient = jax.value_and_grad(loss_of, has_aux=True)(variables["params"])
        changes, state = optimizer.update(gradient, state)
        return {"params": optax.apply_updates(variables["params"], changes), **updates}, state, loss

    variables = initialise(net, clips)
    state, losses = jax.jit(optimizer.init)(variables["params"]), []
    for _ in range(8):
        variables, state, loss = step(variables, state)
        losses.append(float(loss))
    assert losses[-1] < 0.5 * losses[0]
