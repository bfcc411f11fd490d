"""The recogniser: backbone, temporal encoder, pooling over time, classifier."""

import dataclasses
from typing import Any

import flax.linen as nn
import flax.struct
import jax
import jax.numpy as jnp

from jaxvid.models.pooling import Mean


@flax.struct.dataclass
class Outputs:
    """What a network computes of a batch of clips.

    logits (B,N) float32; embedding (B,E), the classifier's input before dropout; sequence
    (B,τ,D), the pooling's input; attention (B,τ), the weights of the steps, or None where the
    pooling has none.
    """

    logits: jax.Array
    embedding: jax.Array
    sequence: jax.Array
    attention: jax.Array | None = None


class Recognizer(nn.Module):
    """Classifies the action in each clip: (B,T,H,W,C) in [-1, 1] -> Outputs with logits (B,N).

    backbone (B,T,H,W,C -> B,τ,C'), encoder (B,τ,C' -> B,τ,D; None: D = C'), pooling (-> B,E),
    dropout, linear classifier in float32, N = `num_classes`. Clips are what the backbone reads.
    Parameters: `backbone`, `encoder`, `pooling`, `classifier`, those that have any. Training draws
    from the random stream "dropout" where `dropout` is not 0, and updates the collection
    "batch_stats". A `frozen` backbone computes as in evaluation while the rest trains, and no
    gradient reaches it. Raises ValueError for no classes.
    """

    backbone: nn.Module
    encoder: nn.Module | None = None
    pooling: nn.Module = dataclasses.field(default_factory=Mean)
    num_classes: int = 0
    dropout: float = 0.0

    def __post_init__(self) -> None:
        if self.num_classes < 1:
            raise ValueError(f"num_classes={self.num_classes}: must be at least 1")
        super().__post_init__()

    @nn.compact
    def __call__(self, clips: Any, train: bool = False, frozen: bool = False) -> Outputs:
        sequence = self.backbone(clips, train and not frozen)
        return self._head(jax.lax.stop_gradient(sequence) if frozen else sequence, train)

    @nn.nowrap
    def _head(self, sequence: jax.Array, train: bool) -> Outputs:
        if self.encoder is not None:
            sequence = self.encoder(sequence, train)
        pick = getattr(self.encoder, "final", None)
        final = pick(sequence) if pick else None
        if hasattr(self.pooling, "weigh"):
            embedding, attention = self.pooling.weigh(sequence)
        else:
            embedding, attention = self.pooling(sequence, final, train), None
        dropped = nn.Dropout(self.dropout, deterministic=not train)(embedding)
        logits = nn.Dense(self.num_classes, dtype=jnp.float32, name="classifier")(dropped)
        return Outputs(logits, embedding, sequence, attention)


class Head(Recognizer):
    """A recogniser on the features (B,τ,C') of its backbone, with the same variables -> Outputs.

    The backbone and its variables are not read.
    """

    @nn.compact
    def __call__(self, clips: Any, train: bool = False, frozen: bool = False) -> Outputs:
        return self._head(clips, train)


def head_of(model: Recognizer) -> Head:
    """Returns the head of a recogniser: all but its backbone."""
    names = (field.name for field in dataclasses.fields(Recognizer) if field.init)
    given = {name: getattr(model, name) for name in names if name not in ("parent", "name")}
    return Head(**given)
