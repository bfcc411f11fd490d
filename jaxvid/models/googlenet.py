"""Inception-v1 backbone, on every frame by itself."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from jaxvid.models.backbone import Backbone, check_clips
from jaxvid.models.i3d import BRANCH_WIDTHS, InceptionBlock, Unit, recomputed
from jaxvid.models.layers.conv import ConvUnit, scale_channels
from jaxvid.models.layers.max_pool import max_pool
from jaxvid.models.layers.padding import with_one_more


class GoogLeNet(Backbone):
    """Inception-v1 with batch norm per frame: clips (B,T,H,W,C) -> features (B,T,C') in float32.

    C' is 1024 at width 1; space is divided by 32 and averaged away. The network that I3D inflates:
    its widths, poolings and names, with every kernel flat in time. Like there, the fourth
    branch's 5x5 is a 3x3. Batch statistics are over all frames. With C = 3 and width 1 there are
    5,592,624 parameters.

    - padding: "same" as I3D, or "torch": the stem symmetrically and the poolings without any, as
      torchvision's GoogLeNet, with which it then agrees on frames of any size.

    Parameters: `conv_1a`, `conv_2b`, `conv_2c`, `mixed_3b` to `mixed_5c`.
    Source: Szegedy et al. 2015, table 1; batch norm: Ioffe and Szegedy 2015.
    """

    width: float = 1.0
    padding: str = "same"
    bn_momentum: float = 0.99
    remat: bool = False
    lowering: str = "auto"
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        check_clips(x)
        unit = functools.partial(
            ConvUnit, momentum=self.bn_momentum, lowering=self.lowering, dtype=self.dtype
        )
        cube = functools.partial(_square, unit=unit)
        block = recomputed(InceptionBlock) if self.remat else InceptionBlock
        channels = functools.partial(scale_channels, width=self.width)
        batch, frames = x.shape[:2]
        # As a clip of its own, a frame is all that a block's pooling over time can see.
        x = x.reshape(-1, 1, *x.shape[2:])

        stem = unit(channels(64), (1, 7, 7), (1, 2, 2), name="conv_1a")
        moved = [axis for axis in (2, 3) if self.padding == "torch" and x.shape[axis] % 2 == 0]
        x = with_one_more(lambda x: stem(x, train), x, moved)
        x = self._pool(x)
        x = unit(channels(64), (1, 1, 1), name="conv_2b")(x, train)
        x = unit(channels(192), (1, 3, 3), name="conv_2c")(x, train)
        x = self._pool(x)
        for name, widths in BRANCH_WIDTHS.items():
            if name == "mixed_4b":
                x = self._pool(x)
            elif name == "mixed_5b":
                x = max_pool(x, (1, 2, 2), (1, 2, 2))
            x = block(tuple(map(channels, widths)), unit, cube, name=name)(x, train)

        return x.mean(axis=(2, 3), dtype=jnp.float32).reshape(batch, frames, -1)

    def _pool(self, x: jax.Array) -> jax.Array:
        moved = [axis for axis in (2, 3) if self.padding == "torch" and x.shape[axis] % 2]
        return with_one_more(lambda x: max_pool(x, (1, 3, 3), (1, 2, 2)), x, moved, -jnp.inf)


def _square(features: int, size: int, *, name: str, unit: Unit) -> nn.Module:
    return unit(features, (1, size, size), name=name)
