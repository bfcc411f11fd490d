"""The training step on a batch at once and in parts."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jaxvid import config as configs
from jaxvid import models
from jaxvid.errors import UserError
from jaxvid.experiment import experiment as experiments
from jaxvid.models.c3d import C3D
from jaxvid.models.layers.batch_norm import BatchNormReLU
from jaxvid.models.pooling import Last
from jaxvid.models.recognizer import Recognizer
from jaxvid.runtime.devices import Devices
from jaxvid.training.step import TrainState, train_step

CLASSES = 3
SGD = optax.sgd(0.1)


class Normed(nn.Module):
    """A backbone as small as can be with batch norm."""

    @nn.compact
    def __call__(self, x, train):
        x = nn.Dense(8, use_bias=False, name="first")(x[:, :, ::8, ::8])
        x = BatchNormReLU(0.5, name="norm")(x, use_running_average=not train)
        return x.mean(axis=(2, 3))


def recognizer(backbone):
    return Recognizer(backbone, None, Last(), CLASSES)


PLAIN = recognizer(C3D(width=0.02, temporal_stride=16, dropout=0.0))
NORMED = recognizer(Normed())


@pytest.fixture
def batch():
    rng = np.random.default_rng(0)
    return {
        "clip": rng.integers(0, 256, (16, 4, 32, 32, 3), dtype=np.uint8),
        "label": rng.integers(0, CLASSES, 16).astype(np.int32),
    }


def settings(parts, center_loss=0.0):
    train = configs.default().train
    train.update(accumulate=parts, center_loss=center_loss)
    return train


def started(model, centers=False):
    init = jax.jit(model.init, static_argnums=2)
    variables = init(jax.random.key(0), jnp.zeros((1, 4, 32, 32, 3)), True)
    stats = variables.get("batch_stats", {})
    width = variables["params"]["classifier"]["kernel"].shape[0]
    drawn = np.random.default_rng(1).standard_normal((CLASSES, width)).astype(np.float32)
    params = variables["params"]
    zero = jnp.zeros((), jnp.int32)
    return TrainState(zero, params, stats, jax.jit(SGD.init)(params), drawn if centers else None)


def take(model, train, state, batch):
    step = functools.partial(train_step, model, SGD, train)
    return jax.device_get(jax.jit(step)(state, batch, jax.random.key(0)))


def assert_close(actual, expected, tolerance=1e-5):
    """Agreement relative to the largest value, so that sums near zero are not asked for more."""
    assert jax.tree.structure(actual) == jax.tree.structure(expected)
    for a, e in zip(jax.tree.leaves(actual), jax.tree.leaves(expected), strict=True):
        assert a.dtype == e.dtype
        np.testing.assert_allclose(a, e, rtol=0, atol=tolerance * max(np.abs(e).max(), 1e-30))


@pytest.mark.parametrize("parts, centers", [(2, False), (4, True)])
def test_parts_give_the_step_of_the_whole_batch(batch, parts, centers):
    state = started(PLAIN, centers)
    whole, expected = take(PLAIN, settings(1, 0.1), state, batch)
    parted, metrics = take(PLAIN, settings(parts, 0.1), state, batch)
    assert set(metrics) == {"loss", "accuracy", "grad_norm"} | (
        {"cross_entropy", "center_loss"} if centers else set()
    )
    assert_close(metrics, expected)
    # The step itself, which the parameters would hide.
    moved, wanted = (
        jax.tree.map(lambda new, old: new - old, end.params, state.params)
        for end in (parted, whole)
    )
    assert all(np.abs(leaf).max() > 0 for leaf in jax.tree.leaves(wanted))
    assert_close(moved, wanted, 1e-4)
    assert_close(parted, whole)
    if centers:
        assert np.abs(parted.centers - state.centers).max() > 0.01


def test_the_loss_is_the_mean_of_weighted_clips(batch):
    state, train = started(PLAIN), settings(1)
    weight = np.random.default_rng(2).uniform(0.5, 2, 16).astype(np.float32)
    ones = {**batch, "weight": np.ones(16, np.float32)}
    for plain, same in zip(
        *map(jax.tree.leaves, (take(PLAIN, train, state, batch), take(PLAIN, train, state, ones))),
        strict=True,
    ):
        np.testing.assert_allclose(same, plain, rtol=1e-6)
    forward = jax.jit(lambda params, clips: PLAIN.apply({"params": params}, clips).logits)
    logits = np.asarray(forward(state.params, models.normalize(batch["clip"])))
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    expected = -(weight * np.log(shares[np.arange(16), batch["label"]])).mean()
    weighted = {**batch, "weight": weight}
    for parts in (1, 4):
        _, metrics = take(PLAIN, settings(parts), state, weighted)
        np.testing.assert_allclose(metrics["loss"], expected, rtol=1e-4)


def test_parts_move_the_running_statistics_one_after_the_other(batch):
    state = started(NORMED)
    parted, metrics = take(NORMED, settings(4), state, batch)
    stats, gradients, loss = state.batch_stats, [], []
    for number in range(4):
        part = {name: array[number::4] for name, array in batch.items()}
        # From the same parameters each, with the statistics that the part before has left.
        after, taken = take(NORMED, settings(1), state.replace(batch_stats=stats), part)
        stats = after.batch_stats
        loss.append(taken["loss"])
        gradients.append(jax.tree.map(lambda new, old: new - old, after.params, state.params))
    assert_close(parted.batch_stats, stats)
    np.testing.assert_allclose(metrics["loss"], np.mean(loss), rtol=1e-5)
    expected = jax.tree.map(lambda *leaves: sum(leaves) / 4, *gradients)
    moved = jax.tree.map(lambda new, old: new - old, parted.params, state.params)
    assert_close(moved, expected, 1e-4)
    whole, _ = take(NORMED, settings(1), state, batch)
    apart = jax.tree.map(lambda a, b: np.abs(a - b).max(), whole.batch_stats, stats)
    assert all(value > 1e-3 for value in jax.tree.leaves(apart))


def test_each_part_has_dropout_of_its_own():
    # The same clip twice: by one dropout both parts would have the same loss, and so their mean.
    model = Recognizer(Normed(), None, Last(), CLASSES, dropout=0.5)
    clip = np.random.default_rng(0).integers(0, 256, (1, 4, 32, 32, 3), dtype=np.uint8)
    batch = {"clip": np.repeat(clip, 8, axis=0), "label": np.zeros(8, np.int32)}
    _, metrics = take(model, settings(8), started(model), batch)
    state = started(model)
    key = jax.random.fold_in(jax.random.key(0), state.step)

    @jax.jit
    def loss(number):
        outputs, _ = model.apply(
            state.variables,
            clip / np.float32(127.5) - 1,
            True,
            rngs={"dropout": jax.random.fold_in(key, number)},
            mutable=["batch_stats"],
        )
        return -jax.nn.log_softmax(outputs.logits)[0, 0]

    losses = [loss(number) for number in range(8)]
    assert np.ptp(losses) > 1e-3
    np.testing.assert_allclose(metrics["loss"], np.mean(losses), rtol=1e-5)


def test_parts_on_eight_devices_give_what_they_give_on_one(batch):
    state = started(NORMED, centers=True)
    expected = take(NORMED, settings(2, 0.1), state, batch)
    mesh = Mesh(np.array(jax.devices()), ("data",))
    assert mesh.size == 8
    divided = jax.device_put(batch, NamedSharding(mesh, PartitionSpec("data")))
    everywhere = jax.device_put(state, NamedSharding(mesh, PartitionSpec()))
    assert_close(take(NORMED, settings(2, 0.1), everywhere, divided), expected, 1e-4)


@pytest.mark.parametrize("size, parts, multiple", [(24, 2, 16), (40, 3, 24)])
def test_batches_that_do_not_divide_into_parts_are_refused(tiny, size, parts, multiple):
    tiny.train.update(batch_size=size, accumulate=parts)
    with pytest.raises(
        UserError,
        match=rf"config\.train\.batch_size={size}: must be a multiple of {multiple}, for 8 devices "
        rf"and config\.train\.accumulate={parts}",
    ):
        experiments.open_experiment(tiny)


def test_parameters_held_in_parts_take_the_step_of_whole_ones(batch):
    state = started(PLAIN)
    expected, metrics = take(PLAIN, settings(1), state, batch)
    devices = Devices(shards=4)
    layout = jax.tree.map(lambda _: devices.replicated, state).replace(
        params=devices.divided(state.params), opt_state=devices.divided(state.opt_state)
    )
    step = functools.partial(train_step, PLAIN, SGD, settings(1), whole=devices.whole)
    compiled = jax.jit(step, out_shardings=(layout, devices.replicated))
    on_devices = jax.device_put(state, layout), devices.put_batch(batch)
    after, found = compiled(*on_devices, jax.random.key(0))
    held = sum(leaf.addressable_shards[0].data.nbytes for leaf in jax.tree.leaves(after.params))
    assert held < sum(leaf.nbytes for leaf in jax.tree.leaves(after.params)) / 3
    assert_close(jax.device_get(found), metrics)
    assert_close(jax.device_get(after), expected)
