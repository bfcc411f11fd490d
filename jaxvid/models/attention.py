"""Attention over time: a pooling that learns how much each step matters."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike


class Attention(nn.Module):
    """Weighs the steps by a learned score and sums them: (B,τ,D) -> (B,D), weights (B,τ).

    score[n] = v · tanh(W x[n] + b), a = softmax over n of score, embedding = sum over n of
    a[n] x[n]; W is (D,A), A = `hidden`, None: A = D. Weights and sum are float32. Steps where
    `mask` (B,τ) is False weigh nothing; the others' weights sum to one. A clip without a real step
    has weights and embedding of zero. Parameters: `keys`, `scores`. Source: the additive score of
    Bahdanau et al. 2015, appendix A.1.2, without its query, as in Yang et al. 2016, eq. 5 to 7.
    """

    hidden: int | None = None
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self,
        sequence: jax.Array,
        final: jax.Array,
        train: bool,
        mask: jax.Array | None = None,
    ) -> tuple[jax.Array, jax.Array | None]:
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
