"""Inflated Inception backbones: I3D, and LI3D with its kernels factorised into space and time."""

import functools
from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from jaxvid.models.backbone import Backbone, check_clips
from jaxvid.models.layers.conv import ConvUnit, scale_channels
from jaxvid.models.layers.max_pool import max_pool
from jaxvid.models.layers.padding import Triple

# Stride in time of the stem, of the pooling before Mixed 4b and of the one before Mixed 5b.
TEMPORAL_STRIDES = {8: (2, 2, 2), 4: (2, 2, 1), 2: (2, 1, 1), 1: (1, 1, 1)}

# Width of branch 0, of branch 1's reduction and 3x3x3, of branch 2's reduction and 3x3x3, of
# branch 3.
BRANCH_WIDTHS = {
    "mixed_3b": (64, 96, 128, 16, 32, 32),
    "mixed_3c": (128, 128, 192, 32, 96, 64),
    "mixed_4b": (192, 96, 208, 16, 48, 64),
    "mixed_4c": (160, 112, 224, 24, 64, 64),
    "mixed_4d": (128, 128, 256, 24, 64, 64),
    "mixed_4e": (112, 144, 288, 32, 64, 64),
    "mixed_4f": (256, 160, 320, 32, 128, 128),
    "mixed_5b": (256, 160, 320, 32, 128, 128),
    "mixed_5c": (384, 192, 384, 48, 128, 128),
}

Unit = Callable[..., nn.Module]  # makes a layer that is called with x and train


class FactorisedUnit(nn.Module):
    """A k x k x k unit as 1 x k x k and k x 1 x 1 ones, D wide: (B,T,H,W,C) -> (B,T',H',W',D).

    With `linear` the first of them is a convolution alone. Parameters: `spatial` and `temporal`,
    whichever of them comes first.
    """

    features: int
    size: int
    unit: Unit
    order: str
    strides: Triple = (1, 1, 1)
    linear: bool = False

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        time, *space = self.strides
        factors = [
            ("spatial", (1, self.size, self.size), (1, *space)),
            ("temporal", (self.size, 1, 1), (time, 1, 1)),
        ]
        if self.order == "temporal_first":
            factors.reverse()
        for n, (name, size, strides) in enumerate(factors):
            linear = self.linear and n == 0
            x = self.unit(self.features, size, strides, linear=linear, name=name)(x, train)
        return x


class InceptionBlock(nn.Module):
    """Four branches side by side: (B,T,H,W,C) -> (B,T,H,W,D), D the sum of the branches' widths.

    `unit` builds a plain convolution unit from (features, kernel size, name), `cube` a 3x3x3 one
    from (features, size, name).
    """

    widths: tuple[int, ...]
    unit: Unit
    cube: Unit

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        point, reduce_1, cube_1, reduce_2, cube_2, pooled = self.widths
        branch_0 = self.unit(point, (1, 1, 1), name="branch_0")(x, train)
        branch_1 = self.unit(reduce_1, (1, 1, 1), name="branch_1_reduce")(x, train)
        branch_1 = self.cube(cube_1, 3, name="branch_1")(branch_1, train)
        branch_2 = self.unit(reduce_2, (1, 1, 1), name="branch_2_reduce")(x, train)
        branch_2 = self.cube(cube_2, 3, name="branch_2")(branch_2, train)
        branch_3 = max_pool(x, (3, 3, 3), (1, 1, 1))
        branch_3 = self.unit(pooled, (1, 1, 1), name="branch_3")(branch_3, train)
        return jnp.concatenate([branch_0, branch_1, branch_2, branch_3], axis=-1)


def recomputed(block: type[nn.Module]) -> type[nn.Module]:
    """Returns a module like `block` that keeps for the gradient its input alone."""
    return nn.remat(block, static_argnums=(2,))  # train, after the module and x


class Inception3D(Backbone):
    """I3D, or LI3D with `factorised`: clips (B,T,H,W,C) -> features (B,τ,C') in float32.

    C' is 1024 at width 1. Space is divided by 32 and averaged away, time divided by
    `temporal_stride` and averaged over two neighbouring steps: at stride 8, 64 frames give τ = 7.

    - factorised: the two 3x3x3 convolutions of every block become 1x3x3 and 3x1x1.
    - factorised_stem: so do the 7x7x7 and the 3x3x3 before the blocks.
    - kernel_order: "spatial_first" or "temporal_first".
    - linear_factors: no batch norm and ReLU between the two factors of a kernel.
    - temporal_stride: 8 as published, or 4, 2, 1.

    Every layer with weights is a submodule named after its TensorFlow original (`conv_1a`,
    `conv_2b`, `conv_2c`, `mixed_3b` to `mixed_5c`), so Flax's `capture_intermediates` reaches
    every feature map.

    Source: Carreira and Zisserman 2017, figure 3; LI3D: Wang, Jin and Yi, "LI3D-BiLSTM".
    """

    temporal_strides = TEMPORAL_STRIDES
    factorised: bool = False
    factorised_stem: bool = False
    kernel_order: str = "spatial_first"
    linear_factors: bool = False
    width: float = 1.0
    temporal_stride: int = 8
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
        factors = functools.partial(
            FactorisedUnit, order=self.kernel_order, linear=self.linear_factors, unit=unit
        )
        stem = factors if self.factorised_stem else functools.partial(_cube, unit=unit)
        cube = factors if self.factorised else functools.partial(_cube, unit=unit)
        block = recomputed(InceptionBlock) if self.remat else InceptionBlock
        channels = functools.partial(scale_channels, width=self.width)
        early, middle, late = TEMPORAL_STRIDES[self.temporal_stride]

        x = stem(channels(64), 7, strides=(early, 2, 2), name="conv_1a")(x, train)
        x = max_pool(x, (1, 3, 3), (1, 2, 2))
        x = unit(channels(64), (1, 1, 1), name="conv_2b")(x, train)
        x = stem(channels(192), 3, name="conv_2c")(x, train)
        x = max_pool(x, (1, 3, 3), (1, 2, 2))
        for name, widths in BRANCH_WIDTHS.items():
            if name == "mixed_4b":
                x = max_pool(x, (3, 3, 3), (middle, 2, 2))
            elif name == "mixed_5b":
                x = max_pool(x, (2, 2, 2), (late, 2, 2))
            x = block(tuple(map(channels, widths)), unit, cube, name=name)(x, train)

        x = x.mean(axis=(2, 3), dtype=jnp.float32)
        return (x[:, :-1] + x[:, 1:]) / 2 if x.shape[1] > 1 else x

    def sequence_length(self, num_frames: int) -> int:
        """Counts the feature steps τ that a clip of T frames gives."""
        return max(-(-num_frames // self.temporal_stride) - 1, 1)


class I3D(Inception3D):
    """I3D: `Inception3D` with whole cubes as kernels."""


class LI3D(Inception3D):
    """LI3D: `Inception3D` with the 3x3x3 kernels of its blocks factorised."""

    factorised: bool = True


def _cube(
    features: int, size: int, strides: Triple = (1, 1, 1), *, name: str, unit: Unit
) -> nn.Module:
    return unit(features, (size, size, size), strides, name=name)
