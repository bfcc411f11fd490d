"""Convolution over time and space on (B, T, H, W, C), in the form that the backend runs fastest.

Lowerings: "native" is XLA's 3D convolution; "stacked" one 2D convolution, with the taps of time
side by side as channels; "decomposed" a sum over the taps of time of 2D convolutions or matrix
products; "winograd" the same sum with fewer products. "auto" takes the first row that fits:

| backend | kernel (kt,kh,kw,C,D) | lowering | why |
| --- | --- | --- | --- |
| TPU | any | native | nothing else was measured there |
| GPU | any | stacked | XLA's 3D transposes maps: I3D's stem takes 53 ms, stacked 21 (H100) |
| CPU | kt = 3, stride 1 in time, C and D >= 64, float32 | winograd | half the products |
| CPU | kt * C <= 96, kt > 1, kh * kw > 1 | stacked | C channels alone fill no vector |
| CPU | any other | decomposed | XLA's 3D gradient of I3D's stem takes 74 s, decomposed 0.23 s |

`winograd.applies` and `stacked.has_few_channels` are the exact conditions. All padding is SAME, as
in `padding.py`.
"""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax
from jax.typing import DTypeLike

from jaxvid.models.layers import stacked, winograd
from jaxvid.models.layers.batch_norm import BatchNormReLU
from jaxvid.models.layers.conv2d import conv2d
from jaxvid.models.layers.padding import Triple, same_windows

LOWERINGS = ("auto", "native", "decomposed", "stacked", "winograd")
# What "auto" is on a backend; "native" on others. "winograd" includes all rows of a CPU.
FASTEST = {"cpu": "winograd", "gpu": "stacked", "tpu": "native"}


def conv3d(
    x: jax.Array, kernel: jax.Array, strides: Triple = (1, 1, 1), lowering: str = "auto"
) -> jax.Array:
    """Convolves over time and space with SAME padding.

    x (B,T,H,W,C), kernel (kt,kh,kw,C,D) -> (B, ceil(T/st), ceil(H/sh), ceil(W/sw), D).

    `lowering` changes the speed and, beyond rounding, no value. "winograd" takes all that the table
    has for a CPU, "decomposed" the same without Winograd's algorithm. Raises ValueError for an
    unknown lowering.
    """
    if lowering not in LOWERINGS:
        raise ValueError(f"unknown lowering {lowering!r}: one of {', '.join(LOWERINGS)}")
    if lowering == "auto":
        lowering = FASTEST.get(jax.default_backend(), "native")
    if lowering == "native":
        layout = ("NTHWC", "THWIO", "NTHWC")
        return lax.conv_general_dilated(x, kernel, strides, "SAME", dimension_numbers=layout)
    if lowering == "winograd" and winograd.applies(x, kernel, strides):
        return winograd.conv_winograd(x, kernel, strides)
    if lowering == "stacked" or stacked.has_few_channels(kernel):
        return stacked.conv_stacked(x, kernel, strides)
    steps = same_windows(x, 1, kernel.shape[0], strides[0], fill=0)
    maps = [conv2d(step, tap, strides[1:]) for step, tap in zip(steps, kernel, strict=True)]
    return functools.reduce(lax.add, maps)


class Conv3D(nn.Module):
    """Convolution over time and space with learned float32 kernel: (B,T,H,W,C) -> (B,T',H',W',D).

    The kernel starts from a truncated normal of variance 2 / fan-in (He et al. 2015, eq. 10).
    Parameters: `kernel` (kt,kh,kw,C,D) and, with `use_bias`, `bias` (D).
    """

    features: int
    kernel_size: Triple
    strides: Triple = (1, 1, 1)
    lowering: str = "auto"
    dtype: DTypeLike = jnp.float32
    use_bias: bool = False

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        init = nn.initializers.variance_scaling(2.0, "fan_in", "truncated_normal")
        shape = (*self.kernel_size, x.shape[-1], self.features)
        kernel = self.param("kernel", init, shape, jnp.float32)
        y = conv3d(x.astype(self.dtype), kernel.astype(self.dtype), self.strides, self.lowering)
        if self.use_bias:
            bias = self.param("bias", nn.initializers.zeros, (self.features,), jnp.float32)
            y += bias.astype(self.dtype)
        return y


class ConvReLU(nn.Module):
    """Convolution with a bias, ReLU: (B,T,H,W,C) -> (B,T',H',W',D), D = `features`.

    For networks without batch norm. Parameters: `conv/kernel` (kt,kh,kw,C,D), `conv/bias` (D).
    """

    features: int
    kernel_size: Triple
    lowering: str = "auto"
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        fields = (self.features, self.kernel_size, (1, 1, 1), self.lowering, self.dtype)
        return nn.relu(Conv3D(*fields, use_bias=True, name="conv")(x))


class ConvUnit(nn.Module):
    """Convolution, batch norm, ReLU: (B,T,H,W,C) -> (B,T',H',W',D), D = `features`.

    `linear`: the convolution alone. Parameters: `conv/kernel`, `norm/bias`; batch statistics:
    `norm/mean`, `norm/var`, both as `BatchNormReLU` has them. Source: Carreira and Zisserman 2017,
    section 2.5.
    """

    features: int
    kernel_size: Triple
    strides: Triple = (1, 1, 1)
    momentum: float = 0.99
    linear: bool = False
    lowering: str = "auto"
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        fields = (self.features, self.kernel_size, self.strides, self.lowering, self.dtype)
        x = Conv3D(*fields, name="conv")(x)
        if self.linear:
            return x
        return BatchNormReLU(self.momentum, name="norm")(x, use_running_average=not train)


def scale_channels(published: int, width: float) -> int:
    """Multiplies a channel count by `width`, rounded to a multiple of 8 and never below 8."""
    return max(8, round(published * width / 8) * 8)
