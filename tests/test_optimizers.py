import jax.numpy as jnp
import numpy as np
import pytest

from jaxvid import config as configs
from jaxvid import optimizers


def train_config(**fields):
    train = configs.default().train
    train.update(fields)
    return train


def test_cosine_after_a_linear_warm_up():
    rate = optimizers.schedule(train_config(learning_rate=2.0, warmup_epochs=1.0), 100, 10.0)
    assert rate(0) == 0
    assert float(rate(5)) == pytest.approx(1.0)
    for step in (10, 40, 99):
        expected = 1 + np.cos(np.pi * (step - 10) / 90)
        assert float(rate(step)) == pytest.approx(expected, abs=1e-6)


def test_steps_are_counted_from_the_first_epoch():
    train = train_config(
        learning_rate=1.0, schedule="step", step_epochs=(4.0, 6.0), warmup_epochs=1.0
    )
    rate = optimizers.schedule(train, 100, 10.0)
    assert [round(float(rate(s)), 4) for s in (20, 39, 41, 59, 61)] == [1, 1, 0.1, 0.1, 0.01]


def test_constant_without_warm_up():
    train = train_config(learning_rate=0.5, schedule="constant", warmup_epochs=0.0)
    assert float(optimizers.schedule(train, 10, 1.0)(0)) == 0.5


def test_decay_spares_biases_and_batch_norm():
    params = {"kernel": jnp.ones((2, 2)), "bias": jnp.ones(2)}
    zeros = {"kernel": jnp.zeros((2, 2)), "bias": jnp.zeros(2)}
    for name in ("sgd", "adam"):
        train = train_config(optimizer=name, weight_decay=0.1)
        optimizer = optimizers.build(train, lambda step: 1.0)
        updates, _ = optimizer.update(zeros, optimizer.init(params), params)
        assert float(jnp.abs(updates["bias"]).max()) == 0
        assert float(updates["kernel"][0, 0]) < -0.05


def test_the_global_gradient_is_clipped():
    params = {"kernel": jnp.zeros((1, 2))}
    train = train_config(optimizer="sgd", momentum=0.0, weight_decay=0.0, clip_norm=1.0)
    optimizer = optimizers.build(train, lambda step: 1.0)
    updates, _ = optimizer.update(
        {"kernel": jnp.array([[30.0, 40.0]])}, optimizer.init(params), params
    )
    np.testing.assert_allclose(updates["kernel"], [[-0.6, -0.8]], rtol=1e-6)
