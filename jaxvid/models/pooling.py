"""Pooling over time: a sequence of features (B,τ,D) in, one embedding per clip (B,E) out.

A pooling is a module with `__call__(sequence, final=None, train=False)`. `final` (B,D) are the
states of `sequence` that have seen every step; None: the last step. A pooling that gives each step
a weight also has `weigh(sequence)`, which returns the embedding and the weights (B,τ).
"""

import flax.linen as nn
import jax.numpy as jnp
from jax import Array
from jax.typing import DTypeLike


class Mean(nn.Module):
    """Averages over the steps: (B,τ,D) -> (B,D)."""

    def __call__(self, sequence: Array, final: Array | None = None, train: bool = False) -> Array:
        return sequence.mean(axis=1)


class Max(nn.Module):
    """Takes each feature's maximum over the steps: (B,τ,D) -> (B,D). Source: Ng et al. 2015."""

    def __call__(self, sequence: Array, final: Array | None = None, train: bool = False) -> Array:
        return sequence.max(axis=1)


class Last(nn.Module):
    """Takes the encoder's final state, or the last step: (B,τ,D) -> (B,D)."""

    def __call__(self, sequence: Array, final: Array | None = None, train: bool = False) -> Array:
        return sequence[:, -1] if final is None else final


class Attention(nn.Module):
    """Weighs the steps by a learned score and sums them: (B,τ,D) -> (B,D).

    score[n] = v · tanh(W x[n] + b), a = softmax over n of score, embedding = sum over n of
    a[n] x[n]; W is (D,A), A = `hidden`, None: A = D. Weights and sum are float32. Parameters:
    `keys`, `scores`. Source: the additive score of Bahdanau et al. 2015, appendix A.1.2, without
    its query, as in Yang et al. 2016, eq. 5 to 7.
    """

    hidden: int | None = None
    dtype: DTypeLike = jnp.float32

    def __call__(self, sequence: Array, final: Array | None = None, train: bool = False) -> Array:
        return self.weigh(sequence)[0]

    @nn.compact
    def weigh(self, sequence: Array, mask: Array | None = None) -> tuple[Array, Array]:
        """Returns the embedding (B,D) and the weights a (B,τ).

        Steps where `mask` (B,τ) is False have weight zero; the others' weights sum to one. A clip
        without a real step has weights and embedding of zero.
        """
        sequence = sequence.astype(jnp.float32)
        width = self.hidden or sequence.shape[-1]
        keys = nn.Dense(width, dtype=self.dtype, name="keys")(sequence).astype(jnp.float32)
        # An offset would be the same for every step, which the softmax does not see.
        scores = nn.Dense(1, use_bias=False, dtype=jnp.float32, name="scores")(jnp.tanh(keys))
        scores = scores[..., 0]
        if mask is None:
            weights = nn.softmax(scores, axis=1)
        else:
            # Not minus infinity, of which a clip without a real step would make NaN.
            scores = jnp.where(mask, scores, jnp.finfo(jnp.float32).min)
            weights = jnp.where(mask, nn.softmax(scores, axis=1), 0)
        return jnp.sum(weights[..., None] * sequence, axis=1), weights
