"""The taps of time side by side as channels: one 2D convolution takes all of them."""

import jax
import jax.numpy as jnp
from jax import lax

from jaxvid.models.layers.conv2d import conv2d
from jaxvid.models.layers.padding import Triple, same_windows


def conv_stacked(x: jax.Array, kernel: jax.Array, strides: Triple) -> jax.Array:
    """Convolves with SAME padding: x (B,T,H,W,C), kernel (kt,kh,kw,C,D) -> (B,T',H',W',D)."""
    steps = jnp.concatenate(same_windows(x, 1, kernel.shape[0], strides[0], fill=0), axis=-1)
    taps = jnp.moveaxis(kernel, 0, 2)
    return conv2d(steps, taps.reshape(*taps.shape[:2], -1, taps.shape[-1]), strides[1:])


def has_few_channels(kernel: jax.Array) -> bool:
    """Returns whether a tap's channels are so few that on a CPU `conv_few_channels` is faster."""
    time, height, width, channels, _ = kernel.shape
    return time > 1 and height * width > 1 and time * channels <= 96


# The same, with a kernel gradient that takes a CPU two thirds of the time of autodiff's.
conv_few_channels = jax.custom_vjp(conv_stacked, nondiff_argnums=(2,))


def _backward(
    strides: Triple, residuals: tuple[jax.Array, jax.Array], of_y: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Computes the gradients by x, as autodiff does, and by the kernel.

    The latter is a convolution over B and T' as channels. Autodiff brings the stacked steps to the
    order that it reads, which takes longer than to bring x to it and then to stack.
    """
    x, kernel = residuals
    (of_x,) = jax.vjp(lambda x: conv_stacked(x, kernel, strides), x)[1](of_y)
    time, height, width, channels, features = kernel.shape
    x = lax.optimization_barrier(x.transpose(4, 2, 3, 0, 1))
    steps = jnp.stack(same_windows(x, 4, time, strides[0], fill=0))
    steps = steps.reshape(time * channels, *x.shape[1:3], -1)

    def convolve(taps: jax.Array) -> jax.Array:
        layout = ("CHWN", "HWIO", "HWNC")
        return lax.conv_general_dilated(steps, taps, strides[1:], "SAME", dimension_numbers=layout)

    of_y = jnp.moveaxis(of_y, (2, 3), (0, 1)).reshape(*of_y.shape[2:4], -1, features)
    taps = jax.ShapeDtypeStruct((height, width, time * channels, features), kernel.dtype)
    (of_taps,) = jax.linear_transpose(convolve, taps)(of_y)
    return of_x, jnp.moveaxis(of_taps.reshape(height, width, time, channels, features), 2, 0)


conv_few_channels.defvjp(
    lambda x, kernel, strides: (conv_stacked(x, kernel, strides), (x, kernel)), _backward
)
