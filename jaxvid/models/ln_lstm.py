"""LN-LSTM temporal encoder: an LSTM whose gates see layer-normalised pre-activations."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from jaxvid.models.recurrent import State, kernels, open_forget_gate, product

_EPSILON = 1e-5


class LNLSTMLayer(nn.Module):
    """One LN-LSTM layer: (B,τ,C) -> (B,τ,D) float32, D = `hidden`, from a zero state.

    With a = W x + U h per gate and N(a) = (a - mean a) / sqrt(var a + 1e-5) over its D units:
    i, f, o = sigmoid(gain N(a) + bias), g = tanh(a + bias), c <- f c + i g, h <- o tanh(c).
    Parameters, gates in the order i, f, o, g: `kernel` (C,4D), `recurrent_kernel` (D,4D,
    orthogonal per gate), `gain` (3D), `bias` (4D). Gains start at 1, the forget gate's bias at 1,
    the rest at 0.

    Source: the paper on deep fusion with frame attention, eq. 3 to 6. It normalises the input of
    each sigmoid, so input and recurrent part together, each gate by itself, and not g; with
    `normalise_candidate` g too, with a gain (4D) of its own. Eq. 3 and 4 count samples of a batch,
    but the name and the recurrence are those of Ba et al. 2016: over the units of a clip's step.
    """

    hidden: int
    normalise_candidate: bool = False
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, sequence: jax.Array) -> jax.Array:
        normalised = 4 if self.normalise_candidate else 3
        kernel, recurrent = kernels(self, sequence.shape[-1], gates=4)
        shape = (normalised * self.hidden,)
        gain = self.param("gain", nn.initializers.ones, shape, jnp.float32)
        bias = self.param("bias", open_forget_gate, (4 * self.hidden,), jnp.float32)
        gains, biases = gain.reshape(normalised, -1), bias.reshape(4, -1)

        def step(state: State, projected: jax.Array) -> tuple[State, jax.Array]:
            cell, output = state
            gates = projected + product(output, recurrent, self.dtype)
            gates = gates.reshape(-1, 4, self.hidden)
            scaled = _standardise(gates[:, :normalised]) * gains
            gates = jnp.concatenate([scaled, gates[:, normalised:]], axis=1) + biases
            i, f, o = nn.sigmoid(gates[:, :3]).swapaxes(0, 1)
            cell = f * cell + i * jnp.tanh(gates[:, 3])
            output = o * jnp.tanh(cell)
            return (cell, output), output

        # One product for all steps: only the recurrent one has to wait for the step before.
        projected = product(sequence, kernel, self.dtype)
        zeros = jnp.zeros((sequence.shape[0], self.hidden), jnp.float32)
        _, outputs = jax.lax.scan(step, (zeros, zeros), projected.swapaxes(0, 1))
        return outputs.swapaxes(0, 1)


class LNLSTM(nn.Module):
    """Stacked LN-LSTM layers: (B,τ,C) -> (B,τ,D) float32, D = `hidden`.

    In training, every layer's output loses a share `dropout` of its elements, drawn anew for every
    step from the random stream "dropout"; the recurrence keeps them. Parameters: `layer_0`, ...
    Source: the paper on deep fusion with frame attention, sections 3.3 and 3.6.
    """

    hidden: int = 64
    num_layers: int = 1
    dropout: float = 0.25
    normalise_candidate: bool = False
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, sequence: jax.Array, train: bool = False) -> jax.Array:
        fields = (self.hidden, self.normalise_candidate, self.dtype)
        for n in range(self.num_layers):
            layer = LNLSTMLayer(*fields, name=f"layer_{n}")
            sequence = nn.Dropout(self.dropout, deterministic=not train)(layer(sequence))
        return sequence


def _standardise(x: jax.Array) -> jax.Array:
    centred = x - x.mean(axis=-1, keepdims=True)
    return centred * jax.lax.rsqrt(jnp.mean(centred**2, axis=-1, keepdims=True) + _EPSILON)
