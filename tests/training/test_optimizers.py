import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxvid import config as configs
from jaxvid.training import optimizers
from jaxvid.training.schedule import Schedule


def train_config(**fields):
    train = configs.default().train
    train.update(fields)
    return train


def at(rate, frozen_steps=0):
    return Schedule(steps=100, steps_per_epoch=10.0, frozen_steps=frozen_steps, learning_rate=rate)


def test_decay_spares_biases_and_batch_norm():
    params = {"kernel": jnp.ones((2, 2)), "bias": jnp.ones(2)}
    zeros = {"kernel": jnp.zeros((2, 2)), "bias": jnp.zeros(2)}
    for name in ("sgd", "adam"):
        train = train_config(optimizer=name, weight_decay=0.1)
        optimizer = optimizers.build(train, at(lambda step: 1.0))
        updates, _ = optimizer.update(zeros, optimizer.init(params), params)
        assert float(jnp.abs(updates["bias"]).max()) == 0
        assert float(updates["kernel"][0, 0]) < -0.05


def test_the_global_gradient_is_clipped():
    params = {"kernel": jnp.zeros((1, 2))}
    train = train_config(optimizer="sgd", momentum=0.0, weight_decay=0.0, clip_norm=1.0)
    optimizer = optimizers.build(train, at(lambda step: 1.0))
    updates, _ = optimizer.update(
        {"kernel": jnp.array([[30.0, 40.0]])}, optimizer.init(params), params
    )
    np.testing.assert_allclose(updates["kernel"], [[-0.6, -0.8]], rtol=1e-6)


@pytest.mark.parametrize("name", ["sgd", "adam"])
def test_a_frozen_backbone_stays_and_then_begins_as_at_step_0(name):
    rng = np.random.default_rng(0)
    params, *grads = (
        {part: {"kernel": rng.normal(size=(2, 3))} for part in ("backbone", "classifier")}
        for _ in range(6)
    )
    train = train_config(optimizer=name, weight_decay=0.1, clip_norm=0.0, head_rate=3.0)

    def rate(step):
        return 0.1 / (1 + step)

    optimizer = optimizers.build(train, at(rate, frozen_steps=2))
    after = [jax.tree.map(jnp.float32, params)]
    state = optimizer.init(after[0])
    for gradient in jax.tree.map(jnp.float32, grads):
        updates, state = optimizer.update(gradient, state, after[-1])
        after.append(optax.apply_updates(after[-1], updates))

    backbone = [np.asarray(p["backbone"]["kernel"]) for p in after]
    for n in (1, 2):
        assert backbone[n].tobytes() == backbone[0].tobytes()
    # From step 2 on: an optimiser of its own from nothing, at the rate of the whole run.
    expected = by_formula(train, backbone[2], [g["backbone"]["kernel"] for g in grads[2:]], rate, 2)
    np.testing.assert_allclose(backbone[5], expected, rtol=1e-3)
    # The head: from step 0, at three times the rate.
    head, gradients = params["classifier"]["kernel"], [g["classifier"]["kernel"] for g in grads]
    expected = by_formula(train, head, gradients, lambda step: 3 * rate(step), 0)
    np.testing.assert_allclose(after[5]["classifier"]["kernel"], expected, rtol=1e-3)


def by_formula(train, x, gradients, rate, first):
    """Nesterov momentum with decay in the gradient, or AdamW, in NumPy."""
    x, trace, square = np.asarray(x, np.float64), 0.0, 0.0
    for n, gradient in enumerate(np.asarray(gradients, np.float64)):
        if train.optimizer == "sgd":
            gradient = gradient + train.weight_decay * x
            trace = gradient + train.momentum * trace
            step = gradient + train.momentum * trace
        else:
            trace = 0.9 * trace + 0.1 * gradient
            square = 0.999 * square + 0.001 * gradient**2
            mean, variance = trace / (1 - 0.9 ** (n + 1)), square / (1 - 0.999 ** (n + 1))
            step = mean / (np.sqrt(variance) + 1e-8) + train.weight_decay * x
        x = x - rate(first + n) * step
    return x


def test_moments_of_a_frozen_backbone_stay_zero():
    params = {"backbone": {"kernel": jnp.ones(2)}, "classifier": {"kernel": jnp.ones(3)}}
    for name in ("sgd", "adam"):
        train = train_config(optimizer=name, weight_decay=0.1)
        optimizer = optimizers.build(train, at(lambda step: 1.0, frozen_steps=2))
        state = optimizer.init(params)
        for _ in range(2):
            _, state = optimizer.update(params, state, params)
        of_backbone = [leaf for leaf in jax.tree.leaves(state) if leaf.shape == (2,)]
        assert len(of_backbone) == (1 if name == "sgd" else 2)
        assert not any(leaf.any() for leaf in of_backbone)
        assert all(leaf.any() for leaf in jax.tree.leaves(state) if leaf.shape == (3,))


def test_without_fine_tuning_the_state_is_as_it_was():
    """Runs that began before there was fine-tuning go on."""
    params = {"backbone": {"kernel": jnp.ones(2)}}
    train = train_config(optimizer="adam", weight_decay=0.1)
    expected = optax.chain(
        optax.clip_by_global_norm(1.0), optax.adamw(lambda step: 1.0, mask=optimizers.decays)
    )
    state = optimizers.build(train, at(lambda step: 1.0)).init(params)
    assert jax.tree.structure(state) == jax.tree.structure(expected.init(params))
