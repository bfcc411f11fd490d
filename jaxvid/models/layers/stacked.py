"""The taps of time side by side as channels: one 2D convolution takes all of them."""

import jax
import jax.numpy as jnp
from jax import lax

from jaxvid.models.layers.conv2d import conv2d
from jaxvid.models.layers.padding import Triple, pad_same, windows

# Channels, over all taps of time, up to which `conv_few_channels` pays on a CPU.
FEW_CHANNELS = 96


def conv_stacked(x: jax.Array, kernel: jax.Array, strides: Triple) -> jax.Array:
    """Convolves with SAME padding: x (B,T,H,W,C), kernel (kt,kh,kw,C,D) -> (B,T',H',W',D)."""
    time, height, width, channels, features = kernel.shape
    steps = jnp.concatenate(windows(x, axis=1, size=time, stride=strides[0], fill=0), axis=-1)
    kernel = jnp.moveaxis(kernel, 0, 2).reshape(height, width, time * channels, features)
    return conv2d(steps, kernel, strides[1:])


def has_few_channels(kernel: jax.Array) -> bool:
    """Returns whether the channels of a kernel's tap are too few to fill a CPU's vectors."""
    time, height, width, channels, _ = kernel.shape
    return time > 1 and height * width > 1 and time * channels <= FEW_CHANNELS


# The same with a kernel gradient that takes a CPU two thirds of the time of autodiff's.
conv_few_channels = jax.custom_vjp(conv_stacked, nondiff_argnums=(2,))


def _backward(
    strides: Triple, residuals: tuple[jax.Array, jax.Array], of_y: jax.Array
) -> tuple[jax.Array, jax.Array]:
    x, kernel = residuals
    (of_x,) = jax.vjp(lambda x: conv_stacked(x, kernel, strides), x)[1](of_y)
    return of_x, _kernel_gradient(x, kernel, strides, of_y)


conv_few_channels.defvjp(
    lambda x, kernel, strides: (conv_stacked(x, kernel, strides), (x, kernel)), _backward
)


def _kernel_gradient(
    x: jax.Array, kernel: jax.Array, strides: Triple, of_y: jax.Array
) -> jax.Array:
    """Computes the kernel's gradient from steps that are stacked in the order that it reads.

    The gradient is a convolution over B and T' as channels. Autodiff brings the stacked steps to
    that order, which takes longer than to bring x to it first.
    """
    time, height, width, channels, features = kernel.shape
    x = pad_same(x, axis=1, size=time, stride=strides[0]).transpose(4, 2, 3, 0, 1)
    x = lax.optimization_barrier(x)
    span = (of_y.shape[1] - 1) * strides[0] + 1
    steps = jnp.stack([x[..., k : k + span : strides[0]] for k in range(time)])
    steps = steps.reshape(time * channels, *x.shape[1:3], -1)
    of_y = jnp.moveaxis(of_y, (2, 3), (0, 1)).reshape(*of_y.shape[2:4], -1, features)

    def convolve(kernel: jax.Array) -> jax.Array:
        layout = ("CHWN", "HWIO", "HWNC")
        return lax.conv_general_dilated(
            steps, kernel, strides[1:], "SAME", dimension_numbers=layout
        )

    taken = jax.ShapeDtypeStruct((height, width, time * channels, features), kernel.dtype)
    (gradient,) = jax.linear_transpose(convolve, taken)(of_y)
    return jnp.moveaxis(gradient.reshape(height, width, time, channels, features), 2, 0)
