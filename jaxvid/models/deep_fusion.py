"""Deep fusion of appearance and motion: two VGG-16 towers, a 3D convolution, three LN-LSTMs."""

from collections.abc import Mapping

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from jaxvid.models.layers.choices import check_choices
from jaxvid.models.layers.conv import LOWERINGS, ConvReLU, scale_channels
from jaxvid.models.layers.image_norm import IMAGE_NORMS
from jaxvid.models.layers.max_pool import max_pool
from jaxvid.models.ln_lstm import LNLSTM
from jaxvid.models.recognizer import Outputs
from jaxvid.models.vgg import VGG16


def interleave(spatial: jax.Array, temporal: jax.Array) -> jax.Array:
    """Stacks two maps channel by channel: (...,C) and (...,C) -> (...,2C).

    Counting from 1, spatial channel d comes at place 2d and temporal channel d at 2d - 1: the
    temporal one is first. Raises ValueError where the two shapes differ. Source: the paper on deep
    fusion with frame attention, eq. 1.
    """
    stacked = jnp.stack([temporal, spatial], axis=-1)
    return stacked.reshape(*spatial.shape[:-1], -1)


class ConvFusion(nn.Module):
    """Two-stream convolutional fusion: clips -> features (B,T,F) in float32.

    `clips` maps "rgb" to (B,T,H,W,3) and "flow" to (B,T,H,W,2L), L stacked flow frames, both in
    [-1, 1]. F is `fc_features` times `width`. FC6 takes a whole map, so that the frame size at
    initialisation holds afterwards.

    - width: factor on every channel count, rounded to a multiple of 8.
    - fc_features: units of each fully connected layer at width 1.
    - dropout: on the output of each FC6 in training, from the random stream "dropout".
    - fuse_fc: fuse at the fully connected layer too.
    - image_norm: what the spatial tower sees, as VGG16's.

    Parameters: `spatial` and `temporal`, each those of VGG16, `fusion`, `fc6`, and with `fuse_fc`
    `spatial_fc6` and `fc_fusion`. Raises ValueError for an unknown lowering, or where the maps of
    the two towers differ in shape.

    Source: the paper on deep fusion with frame attention, sections 3.2 and 3.6, after Feichtenhofer
    et al. 2016, whose own network also pools over time, has a further fully connected layer and
    averages its scores with those of a tower that it keeps: not so here. The paper is silent on a
    ReLU after the fusing convolution; Feichtenhofer et al.'s code has one, and so has this.
    `fuse_fc` is the right-hand side of the paper's figure 3, of which the text says only where it
    fuses. How is this project's choice: the spatial tower goes on to an FC6 of its own, as
    Feichtenhofer et al. keep one tower beside the fused one, and eq. 1 and 2 apply to the two FC6,
    the fused one in the place of the temporal, with a matrix for the convolution and a ReLU.
    """

    width: float = 1.0
    fc_features: int = 4096
    dropout: float = 0.5
    fuse_fc: bool = False
    image_norm: str = "centred"
    lowering: str = "auto"
    dtype: DTypeLike = jnp.float32

    def __post_init__(self) -> None:
        check_choices(self, image_norm=IMAGE_NORMS, lowering=LOWERINGS)
        super().__post_init__()

    def __call__(self, clips: Mapping[str, jax.Array], train: bool) -> jax.Array:
        _, x_fc = self.maps(clips, train)
        return x_fc.astype(jnp.float32)

    @nn.compact
    def maps(self, clips: Mapping[str, jax.Array], train: bool) -> tuple[jax.Array, jax.Array]:
        """Computes x_conv (B,T,H/16,W/16,D), the fused maps, and x_fc (B,T,F), in `dtype`."""
        tower = {"width": self.width, "lowering": self.lowering, "dtype": self.dtype}
        spatial = VGG16(**tower, image_norm=self.image_norm, name="spatial").maps(clips["rgb"])
        temporal = VGG16(**tower, name="temporal").maps(clips["flow"])
        x_conv = ConvReLU(spatial.shape[-1], (3, 3, 3), self.lowering, self.dtype, name="fusion")(
            interleave(spatial, temporal)
        )

        x_fc = self._fc6(x_conv, train, "fc6")
        if self.fuse_fc:
            spatial_fc = self._fc6(spatial, train, "spatial_fc6")
            x_fc = self._fully_connected(interleave(spatial_fc, x_fc), "fc_fusion")
        return x_conv, x_fc

    def sequence_length(self, num_frames: int) -> int:
        """Counts the feature steps that a clip of T frames gives: one per frame."""
        return num_frames

    def _fc6(self, maps: jax.Array, train: bool, name: str) -> jax.Array:
        pooled = max_pool(maps, (1, 2, 2), (1, 2, 2))
        features = self._fully_connected(pooled.reshape(*pooled.shape[:2], -1), name)
        return nn.Dropout(self.dropout, deterministic=not train)(features)

    def _fully_connected(self, x: jax.Array, name: str) -> jax.Array:
        return nn.relu(
            nn.Dense(
                scale_channels(self.fc_features, self.width),
                dtype=self.dtype,
                kernel_init=nn.initializers.he_normal(),
                name=name,
            )(x)
        )


class DeepFusion(nn.Module):
    """VGG-16-3Dconv-2LSTM: names the action in each clip: clips as ConvFusion's -> Outputs.

    An LN-LSTM over x_conv, flattened per step, and one over x_fc give a state per step each; side
    by side they are the sequence (B,T,2·hidden). A third LN-LSTM reads it, and its last state is
    the embedding (B,hidden). The logits (B,N) are a linear layer in float32 on the embedding. In
    training, each LN-LSTM's output loses a share `lstm_dropout` of its elements, drawn from the
    random stream "dropout"; the embedding is the third one's before this, the logits come after. A
    `frozen` backbone, both towers and what fuses them, computes as in evaluation while the rest
    trains, and no gradient reaches it.

    - direct: take the last state itself as the logits. Outside training they lie in (-1, 1), which
      with 101 classes keeps the cross-entropy above 2.67.

    Parameters: `backbone`, `lstm_conv`, `lstm_fc`, `lstm`, and without `direct` `classifier`. At
    224x224 with L = 4 and hidden 101: 188,756,221, the paper's 188.8M, and 10,302 in the classifier
    of 101 classes.

    Raises ValueError where `direct` meets a hidden width that is not the number of classes.

    Source: the paper on deep fusion with frame attention, figures 5 and 8, eq. 7 to 12, section
    3.6. Eq. 12 as printed is `direct`; section 3.5 names a softmax classification layer, which is
    read here as a linear layer and a softmax. W of eq. 11 is the third LN-LSTM's own kernel.
    """

    backbone: ConvFusion
    num_classes: int
    hidden: int
    lstm_dropout: float = 0.25
    direct: bool = False
    dtype: DTypeLike = jnp.float32

    def __post_init__(self) -> None:
        if self.direct and self.hidden != self.num_classes:
            raise ValueError(
                f"direct needs a hidden width equal to the number of classes: "
                f"{self.hidden} is not {self.num_classes}"
            )
        super().__post_init__()

    @nn.compact
    def __call__(
        self, clips: Mapping[str, jax.Array], train: bool, frozen: bool = False
    ) -> Outputs:
        maps = self.backbone.maps(clips, train and not frozen)
        x_conv, x_fc = jax.lax.stop_gradient(maps) if frozen else maps
        x_conv = x_conv.reshape(*x_conv.shape[:2], -1)
        conv_states = self._lstm("lstm_conv", self.lstm_dropout)(x_conv, train)
        fc_states = self._lstm("lstm_fc", self.lstm_dropout)(x_fc, train)
        sequence = jnp.concatenate([conv_states, fc_states], axis=-1)

        # Its dropout is applied here instead, so that the embedding is the state before it.
        lstm = self._lstm("lstm", dropout=0.0)
        embedding = lstm.final(lstm(sequence, train))
        logits = nn.Dropout(self.lstm_dropout, deterministic=not train)(embedding)
        if not self.direct:
            logits = nn.Dense(self.num_classes, dtype=jnp.float32, name="classifier")(logits)
        return Outputs(logits, embedding, sequence)

    def sequence_length(self, num_frames: int) -> int:
        """Counts the steps that the LN-LSTMs see for a clip of T frames."""
        return self.backbone.sequence_length(num_frames)

    def _lstm(self, name: str, dropout: float) -> LNLSTM:
        return LNLSTM(self.hidden, dropout=dropout, dtype=self.dtype, name=name)
