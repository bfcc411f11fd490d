"""GRU temporal encoder: a sequence of features (B,τ,C) in, a sequence of states (B,τ,D) out."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from jaxvid.models.cells import orthogonal_gates, product


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
        width, zeros = 3 * self.hidden, nn.initializers.zeros
        shape = (sequence.shape[-1], width)
        kernel = self.param("kernel", nn.initializers.lecun_normal(), shape, jnp.float32)
        shape = (self.hidden, width)
        recurrent = self.param("recurrent_kernel", orthogonal_gates, shape, jnp.float32)
        bias = self.param("bias", zeros, (width,), jnp.float32)
        recurrent_bias = self.param("recurrent_bias", zeros, (self.hidden,), jnp.float32)

        def step(state: jax.Array, projected: jax.Array) -> tuple[jax.Array, jax.Array]:
            recalled = product(state, recurrent, self.dtype)
            seen, known = jnp.split(projected, 3, axis=-1), jnp.split(recalled, 3, axis=-1)
            r, z = nn.sigmoid(seen[0] + known[0]), nn.sigmoid(seen[1] + known[1])
            n = jnp.tanh(seen[2] + r * (known[2] + recurrent_bias))
            state = (1 - z) * n + z * state
            return state, state

        # One product for all steps: only the recurrent one has to wait for the step before.
        projected = product(sequence, kernel, self.dtype) + bias
        start = jnp.zeros((sequence.shape[0], self.hidden), jnp.float32)
        _, states = jax.lax.scan(step, start, projected.swapaxes(0, 1))
        return states.swapaxes(0, 1)


class GRU(nn.Module):
    """Stacked GRU layers: (B,τ,C) -> (B,τ,D) float32, D = `hidden`. Parameters: `layer_0`, ..."""

    hidden: int
    num_layers: int = 1
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, sequence: jax.Array, train: bool) -> jax.Array:
        for n in range(self.num_layers):
            sequence = GRULayer(self.hidden, self.dtype, name=f"layer_{n}")(sequence)
        return sequence

    def final(self, states: jax.Array) -> jax.Array:
        """Picks the state after the last step: (B,τ,D) -> (B,D)."""
        return states[:, -1]
