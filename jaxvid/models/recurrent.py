"""Recurrent temporal encoders: a sequence of features (B,τ,C) in, a sequence of states (B,τ,D) out.

An encoder is a module with `__call__(sequence, train=False)`. Where the last step's state has not
seen the whole sequence, `final(states)` picks the states (B,D) that have.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

State = tuple[jax.Array, jax.Array]  # of an LSTM: cell and output, (B,D) each


class _Stacked(nn.Module):
    # Subclasses define `layer`, which makes one layer of a width and a name.
    hidden: int = 64
    num_layers: int = 1
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, sequence: jax.Array, train: bool = False) -> jax.Array:
        hidden = self.hidden or sequence.shape[-1]
        for n in range(self.num_layers):
            sequence = self.layer(hidden, f"layer_{n}")(sequence)
        return sequence


class LSTM(_Stacked):
    """Stacked LSTM layers: (B,τ,C) -> (B,τ,D) float32, D = `hidden`, or C where it is 0.

    Parameters: `layer_0`, ...
    """

    def layer(self, hidden: int, name: str) -> nn.Module:
        return LSTMLayer(hidden, dtype=self.dtype, name=name)


class BiLSTM(_Stacked):
    """Stacked bidirectional LSTM layers: (B,τ,C) -> (B,τ,D) float32, D = 2 `hidden`, or 2 C.

    Each layer concatenates its forward and its backward states per step and feeds the next.
    Parameters: `layer_0/forward`, `layer_0/backward`, ... Source: Schuster and Paliwal 1997.
    """

    def layer(self, hidden: int, name: str) -> nn.Module:
        return _BothWays(hidden, self.dtype, name=name)

    def final(self, states: jax.Array) -> jax.Array:
        """Joins the forward state after the last step and the backward one after the first.

        (B,τ,D) -> (B,D).
        """
        half = states.shape[-1] // 2
        return jnp.concatenate([states[:, -1, :half], states[:, 0, half:]], axis=-1)


class GRU(_Stacked):
    """Stacked GRU layers: (B,τ,C) -> (B,τ,D) float32, D = `hidden`, or C where it is 0.

    Parameters: `layer_0`, ...
    """

    def layer(self, hidden: int, name: str) -> nn.Module:
        return GRULayer(hidden, self.dtype, name=name)


class LSTMLayer(nn.Module):
    """One direction of one LSTM layer: (B,τ,C) -> (B,τ,D) float32, D = `hidden`, from a zero state.

    i, f, o = sigmoid(W x + U h + b), g = tanh(W x + U h + b), c <- f c + i g, h <- o tanh(c);
    `reverse` runs from the last step to the first, with outputs at their own steps. Parameters,
    gates in the order i, f, g, o: `kernel` (C,4D), `recurrent_kernel` (D,4D, orthogonal per
    gate), `bias` (4D). The forget gate's bias starts at 1 (Jozefowicz et al. 2015), the rest at
    0. Source: Gers et al. 2000, eq. 1 to 9, without peepholes.
    """

    hidden: int
    reverse: bool = False
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, sequence: jax.Array) -> jax.Array:
        kernel, recurrent = kernels(self, sequence.shape[-1], gates=4)
        bias = self.param("bias", open_forget_gate, (4 * self.hidden,), jnp.float32)

        def step(state: State, projected: jax.Array) -> tuple[State, jax.Array]:
            cell, output = state
            i, f, g, o = jnp.split(projected + product(output, recurrent, self.dtype), 4, axis=-1)
            cell = nn.sigmoid(f) * cell + nn.sigmoid(i) * jnp.tanh(g)
            output = nn.sigmoid(o) * jnp.tanh(cell)
            return (cell, output), output

        # One product for all steps: only the recurrent one has to wait for the step before.
        projected = product(sequence, kernel, self.dtype) + bias
        start = (jnp.zeros((sequence.shape[0], self.hidden), jnp.float32),) * 2
        _, outputs = jax.lax.scan(step, start, projected.swapaxes(0, 1), reverse=self.reverse)
        return outputs.swapaxes(0, 1)


class _BothWays(nn.Module):
    hidden: int
    dtype: DTypeLike

    @nn.compact
    def __call__(self, sequence: jax.Array) -> jax.Array:
        forward = LSTMLayer(self.hidden, dtype=self.dtype, name="forward")
        backward = LSTMLayer(self.hidden, reverse=True, dtype=self.dtype, name="backward")
        return jnp.concatenate([forward(sequence), backward(sequence)], axis=-1)


class GRULayer(nn.Module):
    """One GRU layer: (B,τ,C) -> (B,τ,D) float32, D = `hidden`, from a zero state.

    r, z = sigmoid(W x + U h + b), n = tanh(W x + b + r (U h + c)), h <- (1 - z) n + z h.
    Parameters, gates in the order r, z, n: `kernel` (C,3D), `recurrent_kernel` (D,3D, orthogonal
    per gate), `bias` (3D), `recurrent_bias` (D), which is c. Source: Cho et al. 2014, eq. 5 to 8;
    r scales U h instead of h, and there is c, as in cuDNN, so that U h is one product.
    """

    hidden: int
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, sequence: jax.Array) -> jax.Array:
        zeros = nn.initializers.zeros
        kernel, recurrent = kernels(self, sequence.shape[-1], gates=3)
        bias = self.param("bias", zeros, (3 * self.hidden,), jnp.float32)
        recurrent_bias = self.param("recurrent_bias", zeros, (self.hidden,), jnp.float32)

        def step(state: jax.Array, projected: jax.Array) -> tuple[jax.Array, jax.Array]:
            recalled = product(state, recurrent, self.dtype)
            seen, known = jnp.split(projected, 3, axis=-1), jnp.split(recalled, 3, axis=-1)
            r, z = nn.sigmoid(seen[0] + known[0]), nn.sigmoid(seen[1] + known[1])
            n = jnp.tanh(seen[2] + r * (known[2] + recurrent_bias))
            state = (1 - z) * n + z * state
            return state, state

        projected = product(sequence, kernel, self.dtype) + bias
        start = jnp.zeros((sequence.shape[0], self.hidden), jnp.float32)
        _, states = jax.lax.scan(step, start, projected.swapaxes(0, 1))
        return states.swapaxes(0, 1)


def kernels(layer: nn.Module, features: int, gates: int) -> tuple[jax.Array, jax.Array]:
    """Makes a layer's `kernel` (C, gates · D) and `recurrent_kernel` (D, gates · D).

    C = `features`, D = `layer.hidden`; the recurrent one is orthogonal per gate.
    """
    shape = (features, gates * layer.hidden)
    kernel = layer.param("kernel", nn.initializers.lecun_normal(), shape, jnp.float32)
    shape = (layer.hidden, gates * layer.hidden)
    return kernel, layer.param("recurrent_kernel", _orthogonal_gates, shape, jnp.float32)


def product(x: jax.Array, weights: jax.Array, dtype: DTypeLike) -> jax.Array:
    """Multiplies in the compute dtype and sums in float32: (...,C) by (C,D) -> (...,D) float32."""
    x, weights = x.astype(dtype), weights.astype(dtype)
    return jnp.matmul(x, weights, preferred_element_type=jnp.float32)


def open_forget_gate(key: jax.Array, shape: tuple[int], dtype: DTypeLike) -> jax.Array:
    """Initialises the biases of four gates, the forget gate second: 1 for it, 0 for the others."""
    first, forget, third, fourth = jnp.zeros((4, shape[0] // 4), dtype)
    return jnp.concatenate([first, forget + 1, third, fourth])


def _orthogonal_gates(key: jax.Array, shape: tuple[int, int], dtype: DTypeLike) -> jax.Array:
    hidden, width = shape
    orthogonal = nn.initializers.orthogonal()
    keys = jax.random.split(key, width // hidden)
    return jnp.concatenate([orthogonal(key, (hidden, hidden), dtype) for key in keys], axis=1)
