import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxvid.models.pooling import Attention, Last, Max, Mean


def draw(*shape):
    return np.random.default_rng(1).standard_normal(shape).astype(np.float32)


def weighed(module, *given):
    return jax.device_get(jax.jit(functools.partial(module.apply, method="weigh"))(*given))


def written_out(params, sequence, mask):
    """Attention by its equations, one clip and one step at a time."""
    kernel, bias = (np.asarray(params["keys"][name], np.float64) for name in ("kernel", "bias"))
    vector = np.asarray(params["scores"]["kernel"], np.float64)[:, 0]
    weights = np.zeros(mask.shape)
    for b, n in np.argwhere(mask):
        weights[b, n] = np.exp(vector @ np.tanh(sequence[b, n] @ kernel + bias))
    weights /= weights.sum(axis=1, keepdims=True)
    return np.einsum("bn,bnd->bd", weights, sequence), weights


def test_mean_maximum_and_last_take_a_sequence_alone():
    sequence, final = draw(3, 5, 6), draw(3, 6)
    np.testing.assert_allclose(Mean().apply({}, sequence), sequence.mean(1), atol=1e-6)
    highest = [[max(clip[:, d]) for d in range(6)] for clip in sequence]
    np.testing.assert_array_equal(Max().apply({}, sequence), highest)
    np.testing.assert_array_equal(Last().apply({}, sequence), sequence[:, -1])
    np.testing.assert_array_equal(Last().apply({}, sequence, final), final)


@pytest.mark.parametrize("hidden, width", [(None, 6), (4, 4)])
@pytest.mark.parametrize("masked", [False, True])
def test_pooling_equals_the_written_out_equations(hidden, width, masked, initialise):
    sequence, module = draw(3, 5, 6), Attention(hidden)
    mask = np.ones((3, 5), bool)
    if masked:
        mask[0, 2:] = mask[1, 0] = False
    variables = initialise(module, sequence)
    params = variables["params"]
    assert jax.tree.map(jnp.shape, params) == {
        "keys": {"kernel": (6, width), "bias": (width,)},
        "scores": {"kernel": (width, 1)},
    }
    params["scores"]["kernel"] *= 5
    given = (mask,) if masked else ()
    embedding, weights = weighed(module, variables, sequence, *given)
    expected, expected_weights = written_out(params, sequence, mask)
    np.testing.assert_allclose(weights, expected_weights, atol=1e-6)
    np.testing.assert_allclose(embedding, expected, atol=1e-6)
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-6)
    assert np.ptp(np.asarray(weights)[2]) > 0.05


def test_masked_steps_change_nothing(initialise):
    sequence, module = draw(2, 5, 6), Attention()
    mask = np.array([[True, True, True, False, False], [False] * 5])
    variables = initialise(module, sequence)
    embedding, weights = weighed(module, variables, sequence, mask)
    short = jax.device_get(jax.jit(module.apply)(variables, sequence[:, :3]))
    np.testing.assert_allclose(embedding[0], short[0], atol=1e-6)
    assert not weights[0, 3:].any()
    assert not weights[1].any() and not embedding[1].any()


def test_gradients_are_finite_where_a_clip_has_no_real_step(initialise):
    sequence, module = draw(2, 3, 4), Attention()
    variables = initialise(module, sequence)
    mask = np.array([[True, False, True], [False] * 3])

    def loss(variables, sequence):
        return module.apply(variables, sequence, mask, method="weigh")[0].sum()

    for gradient in jax.tree.leaves(jax.jit(jax.grad(loss, (0, 1)))(variables, sequence)):
        assert np.isfinite(gradient).all() and np.abs(gradient).max() > 0


def test_weights_and_sum_stay_float32_in_half_precision(initialise):
    sequence = draw(2, 5, 6)
    variables = initialise(Attention(), sequence)
    module = Attention(dtype=jnp.bfloat16)
    embedding, weights = weighed(module, variables, sequence)
    assert embedding.dtype == weights.dtype == jnp.float32
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-6)
