"""Convolution on (B, T, H, W, C), in the form that the backend runs fastest.

All padding is SAME, as in `jaxvid/models/layers/padding.py`.
"""

import functools
from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.typing import DTypeLike

from jaxvid.models.layers.batch_norm import BatchNormReLU
from jaxvid.models.layers.padding import pad_same, same_padding, windows

Triple = tuple[int, int, int]

LOWERINGS = ("auto", "native", "decomposed", "stacked", "winograd")
# What "auto" is on a backend; native on others.
FASTEST = {"cpu": "winograd", "gpu": "stacked", "tpu": "native"}

# From this many channels on, in and out, Winograd's products cost more than what is added to them.
WINOGRAD_CHANNELS = 64

# Up to this many channels, over all taps of time, a convolution in space takes the taps together.
FEW_CHANNELS = 96

# Winograd's F(4, 3): the outputs of a tile, and the points at which polynomials are evaluated,
# beside infinity: small numbers, for the rounding errors grow with the points' powers.
TILE = 4
POINTS = (0.0, 1.0, -1.0, 0.5, -2.0)


def _at_points(coefficients: int) -> np.ndarray:
    """The matrix from a polynomial's coefficients to its values at the points and at infinity."""
    return np.vstack([np.vander(POINTS, coefficients, increasing=True), np.eye(coefficients)[-1:]])


OF_TAPS = _at_points(3)
OF_VALUES = _at_points(TILE).T
OF_STEPS = (np.linalg.inv(_at_points(TILE + 2)).T * 30).round() / 30  # all are thirtieths


def conv3d(
    x: jax.Array, kernel: jax.Array, strides: Triple = (1, 1, 1), lowering: str = "auto"
) -> jax.Array:
    """Convolves over time and space with SAME padding.

    x (B,T,H,W,C), kernel (kt,kh,kw,C,D) -> (B, ceil(T/st), ceil(H/sh), ceil(W/sw), D).

    `lowering` changes the speed and never, beyond rounding, the values. "native" is XLA's own
    operation. "decomposed" adds up a 2D convolution or a matrix product for each tap of time.
    "stacked" lays the taps side by side as channels and makes one of them. "winograd" is decomposed
    for all but kernels of three taps of time, which take half as many products in float32 and wider
    types (see `_winograd`). "auto" is winograd on a CPU, where XLA's gradient of a strided 3D
    convolution is up to several hundred times slower; stacked on a GPU, where XLA brings maps to
    another layout for 3D convolutions and not for 2D ones; native elsewhere.

    Raises ValueError for an unknown lowering.
    """
    if lowering not in LOWERINGS:
        raise ValueError(f"unknown lowering {lowering!r}: one of {', '.join(LOWERINGS)}")
    if lowering == "auto":
        lowering = FASTEST.get(jax.default_backend(), "native")
    if lowering == "native":
        layout = ("NTHWC", "THWIO", "NTHWC")
        return lax.conv_general_dilated(x, kernel, strides, "SAME", dimension_numbers=layout)

    time, height, width, channels, features = kernel.shape
    if height == width == 1:
        product = _matmul
        x = x[:, :, :: strides[1], :: strides[2]]
        kernel = kernel[:, 0, 0]
    else:
        product = functools.partial(_conv_frames, strides=strides[1:])
    pays = x.shape[1] >= TILE and min(channels, features) >= WINOGRAD_CHANNELS
    # In 16 bits, to which also the sums before the products are rounded, the error of values and
    # gradients would be four to seven times that of a sum over taps.
    exact = jnp.result_type(x, kernel).itemsize >= 4
    if lowering == "winograd" and time == 3 and strides[0] == 1 and pays and exact:
        return _winograd(x, kernel, product)
    few = time > 1 and height * width > 1 and time * channels <= FEW_CHANNELS
    if few and lowering != "stacked":
        return _conv_few(x, kernel, strides)
    steps = windows(x, axis=1, size=time, stride=strides[0], fill=0)
    if lowering == "stacked":
        steps = [jnp.concatenate(steps, axis=-1)]
        kernel = jnp.moveaxis(kernel, 0, -3).reshape(1, *kernel.shape[1:-2], -1, features)
    # One summand per temporal tap. With a single tap this is one matrix product or one 2D
    # convolution.
    return sum(product(step, tap) for step, tap in zip(steps, kernel, strict=True))


def _beside(x: jax.Array, kernel: jax.Array, strides: Triple) -> jax.Array:
    """Convolves with the taps of time laid side by side as channels.

    Where channels are few they fill no vector, and a sum over taps of large maps of features takes
    longer than what is summed.
    """
    time, height, width, channels, features = kernel.shape
    # All of time beside the channels first: the taps of an output step are then a run of memory.
    x = pad_same(x, axis=1, size=time, stride=strides[0]).transpose(0, 2, 3, 1, 4)
    x = x.reshape(*x.shape[:3], -1)
    taps = time * channels
    starts = range(0, x.shape[-1] - taps + 1, strides[0] * channels)
    steps = jnp.stack([x[..., start : start + taps] for start in starts], axis=1)
    kernel = jnp.moveaxis(kernel, 0, 2).reshape(height, width, taps, features)
    return _conv_frames(steps, kernel, strides[1:])


_conv_few = jax.custom_vjp(_beside, nondiff_argnums=(2,))


def _backward(
    strides: Triple, residuals: tuple[jax.Array, jax.Array], of_y: jax.Array
) -> tuple[jax.Array, jax.Array]:
    x, kernel = residuals
    # By the taps and not by the steps: their gradients are added up, and there are many steps.
    (of_x,) = jax.vjp(lambda x: conv3d(x, kernel, strides, "stacked"), x)[1](of_y)
    return of_x, _kernel_gradient(x, kernel.shape, strides, of_y)


_conv_few.defvjp(lambda x, kernel, strides: (_beside(x, kernel, strides), (x, kernel)), _backward)


def _kernel_gradient(
    x: jax.Array, shape: tuple[int, ...], strides: Triple, of_y: jax.Array
) -> jax.Array:
    """The gradient by a kernel of that shape, as a convolution whose positions are the taps.

    A batch is the kernel's channels, and channels are the clips' steps. Autodiff's is the same,
    but brings the steps that lie side by side to that order, which takes longer than from x.
    """
    time, height, width, channels, features = shape
    x = pad_same(x, axis=1, size=time, stride=strides[0]).transpose(4, 2, 3, 0, 1)
    x = lax.optimization_barrier(x)
    span = (of_y.shape[1] - 1) * strides[0] + 1
    taps = jnp.stack([x[..., k : k + span : strides[0]] for k in range(time)])
    taps = taps.reshape(time * channels, *x.shape[1:3], -1)
    steps = jnp.moveaxis(of_y, (2, 3), (0, 1)).reshape(*of_y.shape[2:4], -1, features)
    pads = []
    for axis, size in enumerate((height, width), start=1):
        low, _ = same_padding(taps.shape[axis], size, strides[axis])
        reach = (of_y.shape[axis + 1] - 1) * strides[axis] + size
        pads.append((low, reach - low - taps.shape[axis]))
    layout = ("NHWC", "HWIO", "NHWC")
    gradient = lax.conv_general_dilated(
        taps, steps, (1, 1), pads, rhs_dilation=strides[1:], dimension_numbers=layout
    )
    return jnp.moveaxis(gradient.reshape(time, channels, height, width, features), 1, 3)


def _winograd(
    x: jax.Array, kernel: jax.Array, product: Callable[[jax.Array, jax.Array], jax.Array]
) -> jax.Array:
    """Convolves over time with three taps and SAME padding: x (B,T,H,W,C), kernel (3,...,C,D).

    Four output steps are read off the product of two polynomials, whose coefficients are six input
    steps and three taps, and which is formed by its values at six points: six products with x where
    the taps take twelve. `product` is linear in both its arguments. Source: Winograd's F(4, 3), in
    one dimension; Lavin and Gray 2016, section 4.
    """
    length = x.shape[1]
    tiles = -(-length // TILE)
    pad = [(0, 0)] * x.ndim
    pad[1] = (1, tiles * TILE + 1 - length)
    x = jnp.pad(x, pad)
    span = (tiles - 1) * TILE + 1
    steps = [lax.slice_in_dim(x, k, k + span, TILE, axis=1) for k in range(len(POINTS) + 1)]
    # Barriers: fused into what brings the operands of a kernel's gradient to another order, these
    # sums would be read across memory, and slowly.
    steps = lax.optimization_barrier(_combined(OF_STEPS, steps))
    taps = _combined(OF_TAPS, list(kernel))
    values = lax.optimization_barrier(
        [product(step, tap) for step, tap in zip(steps, taps, strict=True)]
    )
    y = jnp.stack(_combined(OF_VALUES, values), axis=2)  # (B, tiles, 4, H, W, D)
    return y.reshape(y.shape[0], -1, *y.shape[3:])[:, :length]


def _combined(matrix: np.ndarray, terms: list[jax.Array]) -> list[jax.Array]:
    """Returns a sum of terms for each row, without those whose weight is zero."""
    return [
        sum(float(weight) * term for weight, term in zip(row, terms, strict=True) if weight)
        for row in matrix
    ]


def _matmul(x: jax.Array, kernel: jax.Array) -> jax.Array:
    # As rows: for a kernel's gradient by more axes, XLA on a CPU transposes an operand.
    return (x.reshape(-1, x.shape[-1]) @ kernel).reshape(*x.shape[:-1], -1)


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
        return BatchNormReLU(self.momentum, name="norm")(x, use_running_average=not train)
