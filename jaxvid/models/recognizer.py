"""The recogniser: backbone, temporal encoder, pooling over time, classifier."""

import flax.linen as nn
import flax.struct
import jax
import jax.numpy as jnp


@flax.struct.dataclass
class Outputs:
    """What a recogniser says about a batch of clips.

    logits (B,N) float32; embedding (B,E), the classifier's input before dropout; sequence
    (B,τ,D), the pooling's input; attention (B,τ), the weights of the steps, or None where the
    pooling has none.
    """

    logits: jax.Array
    embedding: jax.Array
    sequence: jax.Array
    attention: jax.Array | None = None


class Recognizer(nn.Module):
    """Names the action in each clip: clips (B,T,H,W,C) in [-1, 1] -> Outputs with logits (B,N).

    backbone (B,T,H,W,C -> B,τ,C'), encoder (B,τ,C' -> B,τ,D; None: D = C'), pooling (-> B,E),
    dropout, linear classifier in float32. Parameters: `backbone`, `encoder`, `pooling`,
    `classifier`, those that have any. Training draws from the random stream "dropout" where
    `dropout` is not 0, and updates the collection "batch_stats". A `frozen` backbone computes as in
    evaluation while the rest trains, and no gradient reaches it.
    """

    backbone: nn.Module
    encoder: nn.Module | None
    pooling: nn.Module
    num_classes: int
    dropout: float = 0.0

    @nn.compact
    def __call__(self, clips: jax.Array, train: bool, frozen: bool = False) -> Outputs:
        sequence = self.backbone(clips, train and not frozen)
        sequence = jax.lax.stop_gradient(sequence) if frozen else sequence
        final = sequence[:, -1]
        if self.encoder is not None:
            sequence = self.encoder(sequence, train)
            final = self.encoder.final(sequence)
        embedding, attention = self.pooling(sequence, final, train)
        dropped = nn.Dropout(self.dropout, deterministic=not train)(embedding)
        logits = nn.Dense(self.num_classes, dtype=jnp.float32, name="classifier")(dropped)
        return Outputs(logits, embedding, sequence, attention)
