"""C3D backbone: plain 3x3x3 convolutions over short clips, two fully connected layers on top."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from jaxvid.models.backbone import Backbone, check_clips, fully_connected
from jaxvid.models.layers.conv import ConvReLU, scale_channels
from jaxvid.models.layers.image_norm import apply_image_norm
from jaxvid.models.layers.max_pool import max_pool

# Stride in time of the four poolings after the first, which has none.
TEMPORAL_STRIDES = {2**twos: (2,) * twos + (1,) * (4 - twos) for twos in (4, 3, 2, 1, 0)}

# Per stage, which ends with a pooling, the widths of its convolutions.
STAGES = ((64,), (128,), (256, 256), (512, 512), (512, 512))


class C3D(Backbone):
    """C3D: clips (B,T,H,W,C) in [-1, 1] -> features (B,τ,C') in float32, C' 4096 at width 1.

    Five poolings divide space by 32 and, but for the first, time by `temporal_stride`. Each step
    that is left goes through `fc6` and `fc7`, each with ReLU and dropout: at stride 16 a clip of
    16 frames gives one feature, as published, and a longer one a feature per 16 frames, whose
    convolutions see beyond these. `fc6` takes a whole map, so that the clip size at initialisation
    holds afterwards. At 112x112 from RGB: 77,995,776 parameters.

    - temporal_stride: 16 as published, or 8, 4, 2, 1; poolings lose their extent in time too.
    - image_norm: "sports1m" for the published weights.
    - padding: where the last pooling pads maps of 7x7: at the end ("same"), or on both sides
      ("torch"), as the PyTorch port of the published weights.

    Parameters: `conv1a`, `conv2a`, `conv3a`, `conv3b` to `conv5b`, `fc6`, `fc7`.
    Source: Tran et al. 2015, section 3.3 and figure 3.
    """

    temporal_strides = TEMPORAL_STRIDES
    width: float = 1.0
    temporal_stride: int = 8
    dropout: float = 0.5
    image_norm: str = "centred"
    padding: str = "same"
    lowering: str = "auto"
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        check_clips(x)
        x = apply_image_norm(x, self.image_norm)
        strides = (1, *TEMPORAL_STRIDES[self.temporal_stride])
        for stage, (widths, stride) in enumerate(zip(STAGES, strides, strict=True), start=1):
            for letter, published in zip("ab", widths, strict=False):
                features = scale_channels(published, self.width)
                name = f"conv{stage}{letter}"
                x = ConvReLU(features, (3, 3, 3), self.lowering, self.dtype, name=name)(x)
            if stage == len(STAGES) and self.padding == "torch":
                # One before and one after, which floor division leaves out on an odd axis. Zeros
                # change no maximum: the maps come out of a ReLU.
                ends = [(1, 1 - length % 2) for length in x.shape[2:4]]
                x = jnp.pad(x, [(0, 0), (0, 0), *ends, (0, 0)])
            x = max_pool(x, (stride, 2, 2), (stride, 2, 2))

        x = x.reshape(*x.shape[:2], -1)
        for name in ("fc6", "fc7"):
            x = fully_connected(x, scale_channels(4096, self.width), self.dtype, name)
            x = nn.Dropout(self.dropout, deterministic=not train)(x)
        return x.astype(jnp.float32)
