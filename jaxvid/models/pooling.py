"""Pooling over time: a sequence of features in, one embedding per clip out.

A pooling is a module with `__call__(sequence, final, train)`, where `sequence` (B,τ,D) is the
temporal encoder's output and `final` (B,D) the states in it that have seen every step. It returns
the embedding (B,E) and the weight it gave each step (B,τ), or None where it has no such weights.
"""

import flax.linen as nn
import jax


class Mean(nn.Module):
    """Averages over the steps: (B,τ,D) -> (B,D)."""

    def __call__(
        self, sequence: jax.Array, final: jax.Array, train: bool
    ) -> tuple[jax.Array, jax.Array | None]:
        return sequence.mean(axis=1), None


class Last(nn.Module):
    """Takes the encoder's final state: (B,D) -> (B,D)."""

    def __call__(
        self, sequence: jax.Array, final: jax.Array, train: bool
    ) -> tuple[jax.Array, jax.Array | None]:
        return final, None
