"""Convolution and pooling on (B, T, H, W, C), in the form that the backend runs fastest.

All padding is TensorFlow's SAME: an axis of n positions becomes ceil(n / stride), and where the
total padding is odd the extra element goes at the end.
"""

import functools
from collections.abc import Callable, Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax
from jax.typing import DTypeLike

Triple = tuple[int, int, int]

LOWERINGS = ("auto", "native", "decomposed")

# How layers of stride 2 are padded: TensorFlow's SAME, or as PyTorch's published networks do.
PADDINGS = ("same", "torch")


def conv3d(
    x: jax.Array, kernel: jax.Array, strides: Triple = (1, 1, 1), lowering: str = "auto"
) -> jax.Array:
    """Convolves over time and space with SAME padding.

    x (B,T,H,W,C), kernel (kt,kh,kw,C,D) -> (B, ceil(T/st), ceil(H/sh), ceil(W/sw), D).

    `lowering` changes the speed and never the values: "native" is XLA's own operation,
    "decomposed" builds it from matrix products and 2D convolutions, "auto" decomposes on a CPU,
    where XLA's gradient of a strided 3D convolution is up to several hundred times slower, and
    only there.

    Raises ValueError for an unknown lowering.
    """
    if lowering not in LOWERINGS:
        raise ValueError(f"unknown lowering {lowering!r}: one of {', '.join(LOWERINGS)}")
    if lowering == "auto":
        lowering = "decomposed" if jax.default_backend() == "cpu" else "native"
    if lowering == "native":
        layout = ("NTHWC", "THWIO", "NTHWC")
        return lax.conv_general_dilated(x, kernel, strides, "SAME", dimension_numbers=layout)

    _, height, width = kernel.shape[:3]
    if height == width == 1:
        x = x[:, :, :: strides[1], :: strides[2]]
        kernel = kernel[:, 0, 0]
        product = jnp.matmul
    else:
        product = functools.partial(_conv_frames, strides=strides[1:])
    # One summand per temporal tap. With a single tap this is one matrix product or one 2D
    # convolution.
    steps = _windows(x, axis=1, size=len(kernel), stride=strides[0], fill=0)
    return sum(product(step, tap) for step, tap in zip(steps, kernel, strict=True))


def max_pool(x: jax.Array, window: Triple, strides: Triple) -> jax.Array:
    """Takes the maximum over windows in time and space with SAME padding.

    x (B,T,H,W,C) -> (B, ceil(T/st), ceil(H/sh), ceil(W/sw), C).

    One axis at a time, as maxima of shifted slices: the gradient of `lax.reduce_window` is three
    to ten times slower on a CPU. Elements that tie for a maximum share its gradient.
    """
    for axis, (size, stride) in enumerate(zip(window, strides, strict=True), start=1):
        x = functools.reduce(jnp.maximum, _windows(x, axis, size, stride, fill=-jnp.inf))
    return x


def same_padding(length: int, size: int, stride: int) -> tuple[int, int]:
    """Counts the elements that SAME padding adds before and after an axis."""
    steps = -(-length // stride)
    total = max((steps - 1) * stride + size - length, 0)
    return total // 2, total - total // 2


def with_one_more(
    layer: Callable[[jax.Array], jax.Array], x: jax.Array, axes: Sequence[int], fill: float = 0
) -> jax.Array:
    """Applies a layer of stride 2 to an array one longer on `axes`, and drops its last steps there.

    That moves SAME's windows: on an even axis an odd window is then centred on the positions 0, 2,
    4 and so on, as by symmetric padding; on an odd axis a window of three begins there, as in
    pooling without padding.
    """
    pad = [(0, int(axis in axes)) for axis in range(x.ndim)]
    y = layer(jnp.pad(x, pad, constant_values=fill))
    return y[tuple(slice(-1) if axis in axes else slice(None) for axis in range(x.ndim))]


def _windows(x: jax.Array, axis: int, size: int, stride: int, fill: float) -> list[jax.Array]:
    """Slices a SAME-padded axis per window position: element i of slice k is x[i*stride+k]."""
    length = x.shape[axis]
    pad = [(0, 0)] * x.ndim
    pad[axis] = same_padding(length, size, stride)
    if any(pad[axis]):
        x = jnp.pad(x, pad, constant_values=fill)
    span = (-(-length // stride) - 1) * stride + 1
    return [lax.slice_in_dim(x, k, k + span, stride, axis) for k in range(size)]


def _conv_frames(x: jax.Array, kernel: jax.Array, strides: tuple[int, int]) -> jax.Array:
    """Convolves every frame in 2D: x (B,T,H,W,C), kernel (kh,kw,C,D) -> (B, T, H', W', D)."""
    channels, features = kernel.shape[2:]
    if channels % 2 and channels > 1 and 16 < features <= 32:
        # XLA's CPU convolution is 4 to 15 times slower for an odd number of channels into this many
        # features, which is every narrow stem on RGB. A channel of zeros avoids it.
        x = jnp.pad(x, [(0, 0)] * 4 + [(0, 1)])
        kernel = jnp.pad(kernel, [(0, 0), (0, 0), (0, 1), (0, 0)])
    frames = x.reshape(-1, *x.shape[2:])
    y = lax.conv_general_dilated(
        frames, kernel, strides, "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    return y.reshape(*x.shape[:2], *y.shape[1:])


class Conv3D(nn.Module):
    """Convolution over time and space with learned float32 kernel: (B,T,H,W,C) -> (B,T',H',W',D).

    The kernel starts from a truncated normal of variance 2 / fan-in (He et al. 2015, eq. 10).
    Parameters: `kernel` (kt,kh,kw,C,D) and, with `use_bias`, `bias` (D).
    """

    features: int
    kernel_size: Triple
    strides: Triple = (1, 1, 1)
    use_bias: bool = False
    lowering: str = "auto"
    dtype: DTypeLike = jnp.float32

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


class ConvUnit(nn.Module):
    """Convolution, batch norm, ReLU: (B,T,H,W,C) -> (B,T',H',W',D), D = `features`.

    Batch norm has an offset and no scale, epsilon 1e-3, statistics in float32 over (B,T,H,W).
    Parameters: `conv/kernel`, `norm/bias`; batch statistics: `norm/mean`, `norm/var`, which in
    training become momentum * old + (1 - momentum) * batch. Source: Carreira and Zisserman 2017,
    section 2.5. `linear`: the convolution alone.
    """

    features: int
    kernel_size: Triple
    strides: Triple = (1, 1, 1)
    momentum: float = 0.9
    linear: bool = False
    lowering: str = "auto"
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        x = Conv3D(
            self.features,
            self.kernel_size,
            self.strides,
            lowering=self.lowering,
            dtype=self.dtype,
            name="conv",
        )(x)
        if self.linear:
            return x
        norm = nn.BatchNorm(
            momentum=self.momentum, epsilon=1e-3, use_scale=False, dtype=self.dtype, name="norm"
        )
        return nn.relu(norm(x, use_running_average=not train))
