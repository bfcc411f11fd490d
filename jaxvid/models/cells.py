"""What recurrent layers share: their matrix product and the start of their recurrent weights."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike


def product(x: jax.Array, weights: jax.Array, dtype: DTypeLike) -> jax.Array:
    """Multiplies in the compute dtype and sums in float32: (...,C) by (C,D) -> (...,D) float32."""
    x, weights = x.astype(dtype), weights.astype(dtype)
    return jnp.matmul(x, weights, preferred_element_type=jnp.float32)


def orthogonal_gates(key: jax.Array, shape: tuple[int, int], dtype: DTypeLike) -> jax.Array:
    """Draws an orthogonal matrix (D,D) per gate, side by side: `shape` is (D, gates · D)."""
    hidden, width = shape
    orthogonal = nn.initializers.orthogonal()
    keys = jax.random.split(key, width // hidden)
    return jnp.concatenate([orthogonal(key, (hidden, hidden), dtype) for key in keys], axis=1)
