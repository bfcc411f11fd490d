"""Losses on logits."""

import jax
import jax.numpy as jnp
import optax


def cross_entropy(logits: jax.Array, labels: jax.Array, smoothing: float = 0.0) -> jax.Array:
    """Returns the softmax cross-entropy of each clip, in nats.

    Shapes: logits (B, N), labels (B,) -> (B,). With `smoothing` s the target is 1 - s on the label
    plus s / N on every class (Szegedy et al. 2016, section 7).
    """
    targets = optax.smooth_labels(jax.nn.one_hot(labels, logits.shape[-1]), smoothing)
    return optax.softmax_cross_entropy(logits.astype(jnp.float32), targets)
