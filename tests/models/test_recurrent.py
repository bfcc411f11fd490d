import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxvid.models.recurrent import GRU, LSTM, BiLSTM


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def written_out(params, sequence, reverse=False):
    """An LSTM layer by its equations, one clip, one step and one gate at a time."""
    batch, steps, _ = sequence.shape
    kernels = np.split(np.asarray(params["kernel"], np.float64), 4, axis=1)
    recurrents = np.split(np.asarray(params["recurrent_kernel"], np.float64), 4, axis=1)
    biases = np.split(np.asarray(params["bias"], np.float64), 4)
    states = np.zeros((batch, steps, len(biases[0])))
    for b in range(batch):
        cell = state = np.zeros(len(biases[0]))
        for t in reversed(range(steps)) if reverse else range(steps):
            i, f, g, o = (
                sequence[b, t] @ w + state @ u + v
                for w, u, v in zip(kernels, recurrents, biases, strict=True)
            )
            cell = sigmoid(f) * cell + sigmoid(i) * np.tanh(g)
            state = sigmoid(o) * np.tanh(cell)
            states[b, t] = state
    return states


def both_ways(params, sequence):
    forward = written_out(params["forward"], sequence)
    backward = written_out(params["backward"], sequence, reverse=True)
    return np.concatenate([forward, backward], axis=-1)


@pytest.mark.parametrize("steps", [1, 5])
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("encoder, layer", [(LSTM, written_out), (BiLSTM, both_ways)])
def test_encoder_equals_the_written_out_equations(encoder, layer, layers, steps, initialise):
    sequence = np.random.default_rng(1).standard_normal((3, steps, 6)).astype(np.float32)
    module = encoder(hidden=4, num_layers=layers)
    variables = initialise(module, sequence, False)
    expected = sequence
    for n in range(layers):
        expected = layer(variables["params"][f"layer_{n}"], expected)
    states = jax.jit(module.apply, static_argnums=2)(variables, sequence, False)
    np.testing.assert_allclose(states, expected, atol=1e-6)


def test_final_states_have_seen_the_whole_sequence():
    states = np.arange(2 * 3 * 8, dtype=np.float32).reshape(2, 3, 8)
    expected = np.concatenate([states[:, 2, :4], states[:, 0, 4:]], axis=1)
    np.testing.assert_array_equal(BiLSTM(hidden=4).final(states), expected)


@pytest.mark.parametrize("encoder, width", [(LSTM, 6), (BiLSTM, 12), (GRU, 6)])
def test_states_are_as_wide_as_the_features_on_request(encoder, width, initialise):
    sequence = np.random.default_rng(1).standard_normal((3, 5, 6)).astype(np.float32)
    features, given = (encoder(hidden=hidden, num_layers=2) for hidden in (0, 6))
    variables = initialise(features, sequence, False)
    states = features.apply(variables, sequence, False)
    assert states.shape == (3, 5, width)
    np.testing.assert_array_equal(states, given.apply(variables, sequence, False))
    if encoder is BiLSTM:
        np.testing.assert_array_equal(features.final(states), given.final(states))


def test_forget_gate_starts_open_and_recurrent_kernels_orthogonal():
    variables = LSTM(hidden=5).init(jax.random.key(0), jnp.zeros((1, 2, 3)), False)
    params = variables["params"]["layer_0"]
    np.testing.assert_array_equal(params["bias"], np.repeat([0.0, 1, 0, 0], 5))
    for gate in np.split(np.asarray(params["recurrent_kernel"]), 4, axis=1):
        np.testing.assert_allclose(gate @ gate.T, np.eye(5), atol=1e-5)


def test_state_stays_float32_in_half_precision(initialise):
    sequence = np.random.default_rng(1).standard_normal((2, 5, 6)).astype(np.float32)
    variables = initialise(BiLSTM(hidden=4), sequence, False)
    states = BiLSTM(hidden=4, dtype=jnp.bfloat16).apply(variables, sequence, False)
    assert states.dtype == jnp.float32
    exact = BiLSTM(hidden=4).apply(variables, sequence, False)
    np.testing.assert_allclose(states, exact, atol=0.02)


def gru_written_out(params, sequence):
    """A GRU layer by its equations, one clip and one step at a time."""
    kernels = np.split(np.asarray(params["kernel"], np.float64), 3, axis=1)
    recurrents = np.split(np.asarray(params["recurrent_kernel"], np.float64), 3, axis=1)
    biases = np.split(np.asarray(params["bias"], np.float64), 3)
    batch, steps, _ = sequence.shape
    states = np.zeros((batch, steps, len(biases[0])))
    for b in range(batch):
        h = np.zeros(len(biases[0]))
        for t in range(steps):
            seen = [sequence[b, t] @ w + v for w, v in zip(kernels, biases, strict=True)]
            r, z = (sigmoid(seen[k] + h @ recurrents[k]) for k in (0, 1))
            n = np.tanh(seen[2] + r * (h @ recurrents[2] + np.asarray(params["recurrent_bias"])))
            h = (1 - z) * n + z * h
            states[b, t] = h
    return states


@pytest.mark.parametrize("steps", [1, 5])
@pytest.mark.parametrize("layers", [1, 2])
def test_gru_equals_the_written_out_equations(layers, steps, initialise):
    sequence = np.random.default_rng(1).standard_normal((3, steps, 6)).astype(np.float32)
    module = GRU(hidden=4, num_layers=layers)
    variables = initialise(module, sequence, False)
    expected = sequence
    for n in range(layers):
        expected = gru_written_out(variables["params"][f"layer_{n}"], expected)
    states = jax.jit(module.apply, static_argnums=2)(variables, sequence, False)
    np.testing.assert_allclose(states, expected, atol=1e-6)


def test_gru_recurrent_kernels_start_orthogonal_and_biases_at_zero():
    variables = GRU(hidden=5).init(jax.random.key(0), jnp.zeros((1, 2, 3)), False)
    params = variables["params"]["layer_0"]
    assert not params["bias"].any() and not params["recurrent_bias"].any()
    gates = np.split(np.asarray(params["recurrent_kernel"]), 3, axis=1)
    for gate in gates:
        np.testing.assert_allclose(gate @ gate.T, np.eye(5), atol=1e-5)
    assert not np.allclose(gates[0], gates[1])


def test_gru_state_stays_float32_in_half_precision(initialise):
    sequence = np.random.default_rng(1).standard_normal((2, 5, 6)).astype(np.float32)
    variables = initialise(GRU(hidden=4), sequence, False)
    states = GRU(hidden=4, dtype=jnp.bfloat16).apply(variables, sequence, False)
    assert states.dtype == jnp.float32
    exact = GRU(hidden=4).apply(variables, sequence, False)
    np.testing.assert_allclose(states, exact, atol=0.02)
