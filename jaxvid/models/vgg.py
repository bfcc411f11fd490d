"""VGG-16 backbone, on every frame by itself."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from jaxvid.models.backbone import Backbone, check_clips, fully_connected
from jaxvid.models.layers.conv import ConvReLU, scale_channels
from jaxvid.models.layers.image_norm import apply_image_norm
from jaxvid.models.layers.max_pool import max_pool

# Per stage, the number of its convolutions and their width. A pooling stands between stages.
STAGES = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))


class VGG16(Backbone):
    """VGG-16 per frame: clips (B,T,H,W,C) in [-1, 1] -> features (B,T,C') in float32.

    C' is 512 at width 1: the average over space of `maps`. C is any, as for stacked optical flow.
    With C = 3 and width 1 there are 14,714,688 parameters.

    - fully_connected: the published network's last pooling, FC6 and FC7, each with ReLU and
      dropout, instead of the average: C' is 4096 at width 1, and the frame size stays that of the
      initialisation.
    - dropout: of these. image_norm: "imagenet" for the published weights.

    Parameters: `conv1_1`, `conv1_2`, `conv2_1` to `conv5_3`, each with `conv/kernel` (1,3,3,C,D)
    and `conv/bias`, with `fully_connected` `fc6` and `fc7`. Flax's `capture_intermediates` reaches
    each one's map after its ReLU. Source: Simonyan and Zisserman 2015, table 1, column D.
    """

    width: float = 1.0
    fully_connected: bool = False
    dropout: float = 0.5
    image_norm: str = "centred"
    lowering: str = "auto"
    dtype: DTypeLike = jnp.float32

    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        if self.fully_connected:
            return self._layers(x, train, ("fc6", "fc7"))[1].astype(jnp.float32)
        return self.maps(x).mean((2, 3), dtype=jnp.float32)

    def maps(self, x: jax.Array) -> jax.Array:
        """Computes the maps of conv5_3 after its ReLU: (B,T,H,W,C) -> (B,T,H/16,W/16,C')."""
        return self._layers(x, train=False, connected=())[0]

    def maps_and_fc6(self, x: jax.Array, train: bool = False) -> tuple[jax.Array, jax.Array]:
        """Computes `maps` and FC6 (B,T,F) after its ReLU and dropout, F = 4096 at width 1."""
        return self._layers(x, train, ("fc6",))

    @nn.compact
    def _layers(
        self, x: jax.Array, train: bool, connected: tuple[str, ...]
    ) -> tuple[jax.Array, jax.Array]:
        check_clips(x)
        x = apply_image_norm(x, self.image_norm)
        for stage, (count, published) in enumerate(STAGES, start=1):
            if stage > 1:
                x = max_pool(x, (1, 2, 2), (1, 2, 2))
            features = scale_channels(published, self.width)
            for n in range(1, count + 1):
                name = f"conv{stage}_{n}"
                x = ConvReLU(features, (1, 3, 3), self.lowering, self.dtype, name=name)(x)
        maps = x
        if not connected:
            return maps, maps
        x = max_pool(x, (1, 2, 2), (1, 2, 2))
        x = x.reshape(*x.shape[:2], -1)
        for name in connected:
            x = fully_connected(x, scale_channels(4096, self.width), self.dtype, name)
            x = nn.Dropout(self.dropout, deterministic=not train)(x)
        return maps, x
