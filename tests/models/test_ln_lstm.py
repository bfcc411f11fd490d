import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxvid.models.ln_lstm import LNLSTM


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def normalise(x):
    return (x - x.mean()) / np.sqrt(x.var() + 1e-5)


def written_out(params, sequence, normalised):
    """An LN-LSTM layer by its equations, one clip, one step and one gate at a time."""
    kernels = np.split(np.asarray(params["kernel"], np.float64), 4, axis=1)
    recurrents = np.split(np.asarray(params["recurrent_kernel"], np.float64), 4, axis=1)
    gains = np.split(np.asarray(params["gain"], np.float64), normalised)
    biases = np.split(np.asarray(params["bias"], np.float64), 4)
    batch, steps, _ = sequence.shape
    states = np.zeros((batch, steps, len(biases[0])))
    for b in range(batch):
        cell = state = np.zeros(len(biases[0]))
        for t in range(steps):
            gates = [
                sequence[b, t] @ w + state @ u for w, u in zip(kernels, recurrents, strict=True)
            ]
            for k, gain in enumerate(gains):
                gates[k] = gain * normalise(gates[k])
            i, f, o, g = (gate + bias for gate, bias in zip(gates, biases, strict=True))
            cell = sigmoid(f) * cell + sigmoid(i) * np.tanh(g)
            state = sigmoid(o) * np.tanh(cell)
            states[b, t] = state
    return states


@pytest.mark.parametrize("layers, steps", [(1, 1), (2, 5)])
@pytest.mark.parametrize("normalise_candidate, normalised", [(False, 3), (True, 4)])
def test_encoder_equals_the_written_out_equations(
    normalise_candidate, normalised, layers, steps, initialise
):
    sequence = np.random.default_rng(1).standard_normal((3, steps, 6)).astype(np.float32)
    module = LNLSTM(4, layers, normalise_candidate=normalise_candidate)
    variables = initialise(module, sequence, False)
    expected = sequence
    for n in range(layers):
        params = variables["params"][f"layer_{n}"]
        params["gain"] += 1
        expected = written_out(params, expected, normalised)
    states = jax.jit(module.apply, static_argnums=2)(variables, sequence, False)
    np.testing.assert_allclose(states, expected, atol=1e-5)


def test_gates_do_not_see_the_scale_of_their_inputs(initialise):
    sequence = np.random.default_rng(1).standard_normal((2, 1, 6)).astype(np.float32)
    module = LNLSTM(4, normalise_candidate=True)
    variables = initialise(module, sequence, False)
    apply = jax.jit(module.apply, static_argnums=2)
    states = apply(variables, sequence, False)
    np.testing.assert_allclose(apply(variables, 1e3 * sequence, False), states, atol=1e-5)


def test_starts_with_open_forget_gate_unit_gains_and_orthogonal_kernels():
    init = jax.jit(LNLSTM(5).init, static_argnums=2)
    variables = init(jax.random.key(0), np.zeros((1, 2, 3), np.float32), False)
    params = variables["params"]["layer_0"]
    np.testing.assert_array_equal(params["bias"], np.repeat([0.0, 1, 0, 0], 5))
    np.testing.assert_array_equal(params["gain"], np.ones(15))
    for gate in np.split(np.asarray(params["recurrent_kernel"]), 4, axis=1):
        np.testing.assert_allclose(gate @ gate.T, np.eye(5), atol=1e-5)


def test_dropout_zeroes_outputs_in_training_and_leaves_the_recurrence(initialise):
    sequence = np.random.default_rng(1).standard_normal((8, 20, 6)).astype(np.float32)
    module = LNLSTM(16, dropout=0.25)
    variables = initialise(module, sequence, False)
    apply = jax.jit(module.apply, static_argnums=2)
    states = np.asarray(apply(variables, sequence, False))
    dropped = np.asarray(apply(variables, sequence, True, rngs={"dropout": jax.random.key(0)}))
    kept = dropped != 0
    assert abs(kept.mean() - 0.75) < 0.03
    assert not (kept == kept[:, :1]).all()
    np.testing.assert_allclose(dropped[kept], states[kept] / 0.75, rtol=1e-5)


def test_state_stays_float32_in_half_precision(initialise):
    sequence = np.random.default_rng(1).standard_normal((2, 5, 6)).astype(np.float32)
    variables = initialise(LNLSTM(4), sequence, False)
    exact, states = (
        jax.jit(LNLSTM(4, dtype=dtype).apply, static_argnums=2)(variables, sequence, False)
        for dtype in (jnp.float32, jnp.bfloat16)
    )
    assert states.dtype == jnp.float32
    np.testing.assert_allclose(states, exact, atol=0.02)
