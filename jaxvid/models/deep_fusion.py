"""Deep fusion of appearance and motion: two VGG-16 towers, a 3D convolution, three LN-LSTMs.

The three LSTMs also stand on one tower alone: a two-stream LSTM, on its maps and its FC6.
"""

import functools
from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from jaxvid.models.backbone import Backbone, fully_connected, rgb_and_flow
from jaxvid.models.layers.conv import ConvReLU, scale_channels
from jaxvid.models.layers.max_pool import max_pool
from jaxvid.models.ln_lstm import LNLSTM
from jaxvid.models.recognizer import Outputs
from jaxvid.models.recurrent import LSTM
from jaxvid.models.vgg import VGG16


def interleave(spatial: jax.Array, temporal: jax.Array) -> jax.Array:
    """Stacks two maps channel by channel: (...,C) and (...,C) -> (...,2C).

    Counting from 1, spatial channel d comes at place 2d and temporal channel d at 2d - 1: the
    temporal one is first. Raises ValueError where the two shapes differ. Source: the paper on deep
    fusion with frame attention, eq. 1.
    """
    stacked = jnp.stack([temporal, spatial], axis=-1)
    return stacked.reshape(*spatial.shape[:-1], -1)


class ConvFusion(Backbone):
    """Two-stream convolutional fusion: clips -> features (B,T,F) in float32.

    `clips` maps "rgb" to (B,T,H,W,3) and "flow" to (B,T,H,W,2L), L stacked flow frames, both in
    [-1, 1]. F is `fc_features` times `width`. FC6 takes a whole map, so that the frame size at
    initialisation holds afterwards.

    - fc_features: units of each fully connected layer at width 1.
    - dropout: on the output of each FC6.
    - fuse_fc: fuse at the fully connected layer too.
    - image_norm: what the spatial tower sees, as VGG16's.

    Parameters: `spatial` and `temporal`, each those of VGG16, `fusion`, `fc6`, and with `fuse_fc`
    `spatial_fc6` and `fc_fusion`. Raises ValueError where the towers' maps differ in shape.

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

    def __call__(self, clips: Mapping[str, jax.Array], train: bool = False) -> jax.Array:
        _, x_fc = self.maps_and_fc6(clips, train)
        return x_fc.astype(jnp.float32)

    @nn.compact
    def maps_and_fc6(
        self, clips: Mapping[str, jax.Array], train: bool = False
    ) -> tuple[jax.Array, jax.Array]:
        """Computes x_conv (B,T,H/16,W/16,D), the fused maps, and x_fc (B,T,F), in `dtype`."""
        rgb, flow = rgb_and_flow(clips)
        tower = functools.partial(VGG16, width=self.width, lowering=self.lowering, dtype=self.dtype)
        spatial = tower(image_norm=self.image_norm, name="spatial").maps(rgb)
        temporal = tower(name="temporal").maps(flow)
        x_conv = ConvReLU(spatial.shape[-1], (3, 3, 3), self.lowering, self.dtype, name="fusion")(
            interleave(spatial, temporal)
        )

        x_fc = self._fc6(x_conv, train, "fc6")
        if self.fuse_fc:
            spatial_fc = self._fc6(spatial, train, "spatial_fc6")
            x_fc = self._fully_connected(interleave(spatial_fc, x_fc), "fc_fusion")
        return x_conv, x_fc

    def _fc6(self, maps: jax.Array, train: bool, name: str) -> jax.Array:
        pooled = max_pool(maps, (1, 2, 2), (1, 2, 2))
        features = self._fully_connected(pooled.reshape(*pooled.shape[:2], -1), name)
        return nn.Dropout(self.dropout, deterministic=not train)(features)

    def _fully_connected(self, x: jax.Array, name: str) -> jax.Array:
        return fully_connected(x, scale_channels(self.fc_features, self.width), self.dtype, name)


class DeepFusion(nn.Module):
    """VGG-16-3Dconv-2LSTM: classifies the action in each clip: clips as ConvFusion's -> Outputs.

    An LN-LSTM over x_conv, flattened per step, and one over x_fc give a state per step each; side
    by side they are the sequence (B,T,2·hidden). A third LN-LSTM reads it, and its last state is
    the embedding (B,hidden). The logits (B,N) are a linear layer in float32 on the embedding. In
    training, each LN-LSTM's output loses a share `lstm_dropout` of its elements, drawn from the
    random stream "dropout"; the embedding is the third one's before this, the logits come after. A
    `frozen` backbone, both towers and what fuses them, computes as in evaluation while the rest
    trains, and no gradient reaches it.

    - backbone: ConvFusion, or VGG16, which reads one modality (B,T,H,W,C) and gives its conv5_3 as
      x_conv and its FC6 as x_fc: with `layer_norm` false, Gammulle et al.'s two-stream LSTM.
    - layer_norm: LN-LSTMs, else LSTMs without it.
    - direct: take the last state itself as the logits. Outside training they lie in (-1, 1), which
      with 101 classes keeps the cross-entropy above 2.67.

    Parameters: `backbone`, `lstm_conv`, `lstm_fc`, `lstm`, and without `direct` `classifier`. At
    224x224 with L = 4 and hidden 101: 188,756,221, and 10,302 in the classifier of 101 classes.

    Raises ValueError where `direct` meets a hidden width that is not the number of classes.

    Source: the paper on deep fusion with frame attention, figures 5 and 8, eq. 7 to 12, section
    3.6; Gammulle et al., Two stream LSTM, WACV 2017, whose template it is (section 3.4). Eq. 12 as
    printed is `direct`; section 3.5 names a softmax classification layer, which is
    read here as a linear layer and a softmax. W of eq. 11 is the third LN-LSTM's own kernel.
    """

    backbone: ConvFusion | VGG16
    num_classes: int
    hidden: int = 64
    lstm_dropout: float = 0.25
    layer_norm: bool = True
    direct: bool = False
    dtype: DTypeLike = jnp.float32

    def __post_init__(self) -> None:
        if self.direct and self.hidden != self.num_classes:
            fields = f"hidden={self.hidden}, num_classes={self.num_classes}"
            raise ValueError(f"direct requires as many hidden units as classes: {fields}")
        super().__post_init__()

    @nn.compact
    def __call__(self, clips: Any, train: bool = False, frozen: bool = False) -> Outputs:
        maps = self.backbone.maps_and_fc6(clips, train and not frozen)
        x_conv, x_fc = jax.lax.stop_gradient(maps) if frozen else maps
        x_conv = x_conv.reshape(*x_conv.shape[:2], -1)
        conv_states = self._states(x_conv, "lstm_conv", self.lstm_dropout, train)
        fc_states = self._states(x_fc, "lstm_fc", self.lstm_dropout, train)
        sequence = jnp.concatenate([conv_states, fc_states], axis=-1)

        # Its dropout is applied here instead, so that the embedding is the state before it.
        embedding = self._states(sequence, "lstm", 0.0, train)[:, -1]
        logits = nn.Dropout(self.lstm_dropout, deterministic=not train)(embedding)
        if not self.direct:
            logits = nn.Dense(self.num_classes, dtype=jnp.float32, name="classifier")(logits)
        return Outputs(logits, embedding, sequence)

    def _states(self, sequence: jax.Array, name: str, dropout: float, train: bool) -> jax.Array:
        if self.layer_norm:
            layer = LNLSTM(self.hidden, dropout=dropout, dtype=self.dtype, name=name)
            return layer(sequence, train)
        states = LSTM(self.hidden, dtype=self.dtype, name=name)(sequence, train)
        return nn.Dropout(dropout, deterministic=not train)(states)
