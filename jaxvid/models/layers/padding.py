"""SAME padding of an axis, and slices of it that hold one element of each window.

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


def same_windows(x: jax.Array, axis: int, size: int, stride: int, fill: float) -> list[jax.Array]:
    """Slices an axis with SAME padding: element i of slice k is element k of window i."""
    length = x.shape[axis]
    x = pad_axis(x, axis, *same_padding(length, size, stride), fill)
    return windows(x, axis, size, stride, -(-length // stride))


def windows(
    x: jax.Array, axis: int, size: int, stride: int, count: int, first: int = 0
) -> list[jax.Array]:
    """Slices an axis for `count` windows: element i of slice k is x[first + i * stride + k]."""
    span = (count - 1) * stride + 1
    starts = range(first, first + size)
    return [lax.slice_in_dim(x, start, start + span, stride, axis) for start in starts]


def pad_axis(x: jax.Array, axis: int, before: int, after: int, fill: float = 0) -> jax.Array:
    """Pads an axis; negative numbers cut."""
    pads = [(0, 0, 0)] * x.ndim
    pads[axis] = (before, after, 0)
    return lax.pad(x, jnp.asarray(fill, x.dtype), pads)


def with_one_more(
    layer: Callable[[jax.Array], jax.Array], x: jax.Array, axes: Sequence[int], fill: float = 0
) -> jax.Array:
    """Applies a layer of stride 2 to `axes` that are padded at the end, and drops its last steps.

    This moves SAME's windows: on an even axis an odd window is centred on the positions 0, 2, 4 and
    so on, as by symmetric padding; on an odd axis a window of three begins there, as in pooling
    without padding.
    """
    for axis in axes:
        x = pad_axis(x, axis, 0, 1, fill)
    y = layer(x)
    return y[tuple(slice(-1) if axis in axes else slice(None) for axis in range(x.ndim))]
