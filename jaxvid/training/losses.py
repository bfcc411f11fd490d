"""Losses on logits and on embeddings."""

import jax
import jax.numpy as jnp
import numpy as np
import optax


def cross_entropy(logits: jax.Array, labels: jax.Array, smoothing: float = 0.0) -> jax.Array:
    """Returns the softmax cross-entropy of each clip, in nats.

    Shapes: logits (B, N), labels (B,) -> (B,). With `smoothing` s the target is 1 - s on the label
    plus s / N on every class (Szegedy et al. 2016, section 7).
    """
    targets = optax.smooth_labels(jax.nn.one_hot(labels, logits.shape[-1]), smoothing)
    return optax.softmax_cross_entropy(logits.astype(jnp.float32), targets)


def balancing_weights(labels: np.ndarray, classes: int) -> np.ndarray:
    """Returns the weight of each class that gives all classes an equal part in a mean loss.

    Shapes: labels (B,) of all training clips -> (N,), N = `classes`, float32. B / (K n) for a class
    of n clips, where K classes have clips: the mean over the clips is 1. 0 for one without clips.
    """
    counts = np.bincount(labels, minlength=classes)
    weights = len(labels) / ((counts > 0).sum() * np.maximum(1, counts))
    return np.where(counts > 0, weights, 0).astype(np.float32)


def center_loss(embeddings: jax.Array, labels: jax.Array, centers: jax.Array) -> jax.Array:
    """Returns half of each clip's squared distance from the centre of its class.

    Shapes: embeddings (B, E), labels (B,), centers (N, E) -> (B,). The centres are not trained by
    it: `move_centers` moves them. Source: Wen et al. 2016, eq. 2, divided by the batch's size
    where the mean is taken over B.
    """
    differences = embeddings.astype(jnp.float32) - jax.lax.stop_gradient(centers)[labels]
    return 0.5 * jnp.sum(differences**2, axis=-1)


def move_centers(
    centers: jax.Array, embeddings: jax.Array, labels: jax.Array, rate: float
) -> jax.Array:
    """Returns the centres after a batch: each moves towards its class's embeddings.

    Shapes: centers (N, E), embeddings (B, E), labels (B,) -> (N, E). By `rate` times the sum of
    (x - c) over the n clips of its class, divided by 1 + n: a class that the batch lacks stays
    where it is. Source: Wen et al. 2016, eq. 4 and algorithm 1.
    """
    chosen = jax.nn.one_hot(labels, len(centers), dtype=jnp.float32)
    counts = chosen.sum(axis=0)[:, None]
    sums = jnp.matmul(chosen.T, embeddings.astype(jnp.float32), precision="highest")
    return centers + rate * (sums - counts * centers) / (1 + counts)
