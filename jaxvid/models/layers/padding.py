"""SAME padding in time and space, and the windows on what is padded.

It is TensorFlow's: an axis of n positions becomes ceil(n / stride), and where the total padding is
odd the extra element goes at the end.
"""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
from jax import lax

Triple = tuple[int, int, int]  # of time, height and width

# How layers of stride 2 are padded: TensorFlow's SAME, or as PyTorch's published networks do.
PADDINGS = ("same", "torch")


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


def windows(x: jax.Array, axis: int, size: int, stride: int, fill: float) -> list[jax.Array]:
    """Slices a SAME-padded axis per window position: element i of slice k is x[i*stride+k]."""
    length = x.shape[axis]
    x = pad_same(x, axis, size, stride, fill)
    span = (-(-length // stride) - 1) * stride + 1
    return [lax.slice_in_dim(x, k, k + span, stride, axis) for k in range(size)]


def pad_same(x: jax.Array, axis: int, size: int, stride: int, fill: float = 0) -> jax.Array:
    """Pads an axis as SAME padding does."""
    pad = [(0, 0)] * x.ndim
    pad[axis] = same_padding(x.shape[axis], size, stride)
    return jnp.pad(x, pad, constant_values=fill) if any(pad[axis]) else x
