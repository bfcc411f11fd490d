"""Max pooling on (B, T, H, W, C), whose gradient a CPU takes fast."""

import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax import lax

from jaxvid.models.layers.conv import Triple
from jaxvid.models.layers.padding import same_padding, windows


def max_pool(x: jax.Array, window: Triple, strides: Triple) -> jax.Array:
    """Takes the maximum over windows in time and space with SAME padding.

    x (B,T,H,W,C) -> (B, ceil(T/st), ceil(H/sh), ceil(W/sw), C).

    One axis at a time: `lax.reduce_window`'s gradient is three to eleven times slower on a CPU. Of
    elements that tie for a maximum one has its gradient.
    """
    for axis, (size, stride) in enumerate(zip(window, strides, strict=True), start=1):
        if size > 1 or stride > 1:
            x = _along(x, axis, size, stride)
    return x


@functools.partial(jax.custom_vjp, nondiff_argnums=(1, 2, 3))
def _along(x: jax.Array, axis: int, size: int, stride: int) -> jax.Array:
    return functools.reduce(jnp.maximum, windows(x, axis, size, stride, fill=-jnp.inf))


def _forward(x: jax.Array, axis: int, size: int, stride: int) -> tuple[jax.Array, jax.Array]:
    if stride > 1:
        return _along(x, axis, size, stride), x
    length = x.shape[axis]
    low, _ = same_padding(length, size, stride)
    # As far as the gradient needs it: a second padded copy would take as long as the maxima.
    x = _pad(x, axis, size - 1, size - 1, -jnp.inf)
    first = size - 1 - low
    return functools.reduce(jnp.maximum, _slices(x, axis, size, first, length)), x


def _backward(axis: int, size: int, stride: int, x: jax.Array, of_y: jax.Array) -> tuple[jax.Array]:
    if stride > 1:
        return (_of_strided(axis, size, stride, x, of_y),)
    return (_of_consecutive(axis, size, x, of_y),)


_along.defvjp(_forward, _backward)


def _of_consecutive(axis: int, size: int, x: jax.Array, of_y: jax.Array) -> jax.Array:
    """The gradient at stride 1: each element looks at the windows that it is in.

    x has size - 1 more elements at both ends of the axis: windows beyond the ends, too, have no
    gradient. What is computed of windows is then only sliced, and fuses to one loop over
    consecutive memory.
    """
    length = of_y.shape[axis]
    low, _ = same_padding(length, size, 1)
    of_y = _pad(of_y, axis, size - 1 - low, low, 0)
    parts = _divided(_slices(x, axis, size, 0, length + size - 1), of_y)
    return sum(
        lax.slice_in_dim(part, first, first + length, axis=axis)
        for first, part in enumerate(reversed(parts))
    )


def _of_strided(axis: int, size: int, stride: int, x: jax.Array, of_y: jax.Array) -> jax.Array:
    """The gradient at larger strides, for each of the `stride` phases of the elements' places."""
    length = x.shape[axis]
    low, _ = same_padding(length, size, stride)
    parts = _divided(windows(x, axis, size, stride, fill=-jnp.inf), of_y)
    # Element k of window i lies at i * stride + k: in phase k % stride, k // stride places later.
    places = -(-(low + length) // stride)
    phases = [jnp.zeros_like(_pad(of_y, axis, 0, places - of_y.shape[axis], 0))] * stride
    for k, part in enumerate(parts):
        later = k // stride
        phases[k % stride] += _pad(part, axis, later, places - part.shape[axis] - later, 0)
    y = jnp.stack(phases, axis=axis + 1)
    y = y.reshape(*x.shape[:axis], places * stride, *x.shape[axis + 1 :])
    return lax.slice_in_dim(y, low, low + length, axis=axis)


def _divided(elements: Sequence[jax.Array], of_y: jax.Array) -> list[jax.Array]:
    """Gives each window's gradient to the first of its elements that is the maximum."""
    top = functools.reduce(jnp.maximum, elements)
    parts = []
    for element in elements:
        is_top = element == top
        parts.append(jnp.where(is_top, of_y, 0))
        of_y = jnp.where(is_top, 0, of_y)
    return parts


def _slices(x: jax.Array, axis: int, size: int, first: int, length: int) -> list[jax.Array]:
    """Element i of slice k is x[first + i + k], for `length` windows of `size`."""
    starts = range(first, first + size)
    return [lax.slice_in_dim(x, start, start + length, axis=axis) for start in starts]


def _pad(x: jax.Array, axis: int, before: int, after: int, fill: float) -> jax.Array:
    """Pads an axis; negative numbers cut."""
    pads = [(0, 0, 0)] * x.ndim
    pads[axis] = (before, after, 0)
    return lax.pad(x, jnp.asarray(fill, x.dtype), pads)
