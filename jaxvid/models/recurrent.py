"""Recurrent temporal encoders: a sequence of features (B,τ,C) in, a sequence of states (B,τ,D) out.

An encoder is a module with `__call__(sequence, train)` and `final(states)`, which picks from its
output the states (B,D) that have seen the whole sequence.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from jaxvid.models.cells import orthogonal_gates, product


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
        shape = (sequence.shape[-1], 4 * self.hidden)
        kernel = self.param("kernel", nn.initializers.lecun_normal(), shape, jnp.float32)
        shape = (self.hidden, 4 * self.hidden)
        recurrent = self.param("recurrent_kernel", orthogonal_gates, shape, jnp.float32)
        bias = self.param("bias", _open_forget_gate, shape[1:], jnp.float32)

        def step(
            state: tuple[jax.Array, jax.Array], projected: jax.Array
        ) -> tuple[tuple[jax.Array, jax.Array], jax.Array]:
            cell, output = state
            i, f, g, o = jnp.split(projected + product(output, recurrent, self.dtype), 4, axis=-1)
            cell = nn.sigmoid(f) * cell + nn.sigmoid(i) * jnp.tanh(g)
            output = nn.sigmoid(o) * jnp.tanh(cell)
            return (cell, output), output

        # One product for all steps: only the recurrent one has to wait for the step before.
        projected = product(sequence, kernel, self.dtype) + bias
        zeros = jnp.zeros((sequence.shape[0], self.hidden), jnp.float32)
        _, outputs = jax.lax.scan(
            step, (zeros, zeros), projected.swapaxes(0, 1), reverse=self.reverse
        )
        return outputs.swapaxes(0, 1)


class LSTM(nn.Module):
    """Stacked LSTM layers: (B,τ,C) -> (B,τ,D) float32, D = `hidden`. Parameters: `layer_0`, ..."""

    hidden: int
    num_layers: int = 1
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, sequence: jax.Array, train: bool) -> jax.Array:
        for n in range(self.num_layers):
            sequence = LSTMLayer(self.hidden, dtype=self.dtype, name=f"layer_{n}")(sequence)
        return sequence

    def final(self, states: jax.Array) -> jax.Array:
        """Picks the state after the last step: (B,τ,D) -> (B,D)."""
        return states[:, -1]


class BiLSTM(nn.Module):
    """Stacked bidirectional LSTM layers: (B,τ,C) -> (B,τ,D) float32, D = 2 `hidden`.

    Each layer concatenates its forward and its backward states per step and feeds the next.
    Parameters: `layer_0/forward`, `layer_0/backward`, ... Source: Schuster and Paliwal 1997.
    """

    hidden: int
    num_layers: int = 1
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, sequence: jax.Array, train: bool) -> jax.Array:
        for n in range(self.num_layers):
            sequence = _BothWays(self.hidden, self.dtype, name=f"layer_{n}")(sequence)
        return sequence

    def final(self, states: jax.Array) -> jax.Array:
        """Joins the forward state after the last step and the backward one after the first.

        (B,τ,D) -> (B,D).
        """
        return jnp.concatenate([states[:, -1, : self.hidden], states[:, 0, self.hidden :]], axis=-1)


class _BothWays(nn.Module):
    hidden: int
    dtype: DTypeLike

    @nn.compact
    def __call__(self, sequence: jax.Array) -> jax.Array:
        forward = LSTMLayer(self.hidden, dtype=self.dtype, name="forward")
        backward = LSTMLayer(self.hidden, reverse=True, dtype=self.dtype, name="backward")
        return jnp.concatenate([forward(sequence), backward(sequence)], axis=-1)


def _open_forget_gate(key: jax.Array, shape: tuple[int], dtype: DTypeLike) -> jax.Array:
    i, f, g, o = jnp.zeros((4, shape[0] // 4), dtype)
    return jnp.concatenate([i, f + 1, g, o])
