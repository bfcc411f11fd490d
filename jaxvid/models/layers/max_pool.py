"""Max pooling on (B, T, H, W, C), with a gradient that is fast on a CPU."""

import functools

import jax
import jax.numpy as jnp
from jax import lax

from jaxvid.models.layers.padding import Triple, pad_axis, same_padding, same_windows, windows


def max_pool(x: jax.Array, window: Triple, strides: Triple) -> jax.Array:
    """Takes the maximum over windows in time and space with SAME padding.

    x (B,T,H,W,C) -> (B, ceil(T/st), ceil(H/sh), ceil(W/sw), C).

    One axis at a time: `lax.reduce_window`'s gradient is three to eleven times slower on a CPU. Of
    elements that tie for a maximum one has its gradient.
    """
    for axis, (size, stride) in enumerate(zip(window, strides, strict=True), start=1):
        if size > 1 or stride > 1:
            x = _pool(x, axis, size, stride, x.shape[axis])
    return x


@functools.partial(jax.custom_vjp, nondiff_argnums=(1, 2, 3, 4))
def _pool(x: jax.Array, axis: int, size: int, stride: int, length: int) -> jax.Array:
    return functools.reduce(jnp.maximum, same_windows(x, axis, size, stride, fill=-jnp.inf))


def _forward(
    x: jax.Array, axis: int, size: int, stride: int, length: int
) -> tuple[jax.Array, jax.Array]:
    # Padded as the gradient needs it: another padded copy would take as long as the maxima.
    low, early, count = _all_windows(size, stride, length)
    before = low + early * stride
    x = pad_axis(x, axis, before, (count - 1) * stride + size - before - length, -jnp.inf)
    elements = windows(x, axis, size, stride, -(-length // stride), first=early * stride)
    return functools.reduce(jnp.maximum, elements), x


def _backward(
    axis: int, size: int, stride: int, length: int, x: jax.Array, of_y: jax.Array
) -> tuple[jax.Array]:
    low, early, count = _all_windows(size, stride, length)
    of_y = pad_axis(of_y, axis, early, count - early - of_y.shape[axis])
    elements = windows(x, axis, size, stride, count)
    top = functools.reduce(jnp.maximum, elements)
    parts = []
    for element in elements:  # the first that is the maximum takes the gradient
        is_top = element == top
        parts.append(jnp.where(is_top, of_y, 0))
        of_y = jnp.where(is_top, 0, of_y)
    # What is computed of windows is only sliced, and fuses to one loop over consecutive memory.
    reach = (size - 1) // stride
    phases = [jnp.zeros_like(lax.slice_in_dim(of_y, reach, count, axis=axis))] * stride
    for k in reversed(range(size)):
        later = k // stride
        phases[k % stride] += lax.slice_in_dim(parts[k], reach - later, count - later, axis=axis)
    y = jnp.stack(phases, axis=axis + 1).reshape(*x.shape[:axis], -1, *x.shape[axis + 1 :])
    return (lax.slice_in_dim(y, low % stride, low % stride + length, axis=axis),)


_pool.defvjp(_forward, _backward)


def _all_windows(size: int, stride: int, length: int) -> tuple[int, int, int]:
    """Counts the windows that hold an element, beyond SAME padding's ends too.

    Window i begins at element i * stride - low; element q, at place p = (q + low) // stride, is in
    the windows p - (size - 1) // stride to p at most. Returns low, the number of windows before
    window 0, and the number of all.
    """
    low, _ = same_padding(length, size, stride)
    first = low // stride - (size - 1) // stride
    return low, -first, (low + length - 1) // stride + 1 - first
