"""The taps of time side by side as channels: one 2D convolution takes all of them."""

import jax
import jax.numpy as jnp

from jaxvid.models.layers.conv2d import conv2d
from jaxvid.models.layers.padding import Triple, same_windows


def has_few_channels(kernel: jax.Array) -> bool:
    """Returns whether a tap's channels are too few to fill a CPU's vectors, so stacking pays."""
    time, height, width, channels, _ = kernel.shape
    return time > 1 and height * width > 1 and time * channels <= 96


def conv_stacked(x: jax.Array, kernel: jax.Array, strides: Triple) -> jax.Array:
    """Convolves with SAME padding: x (B,T,H,W,C), kernel (kt,kh,kw,C,D) -> (B,T',H',W',D)."""
    steps = jnp.concatenate(same_windows(x, 1, kernel.shape[0], strides[0], fill=0), axis=-1)
    taps = jnp.moveaxis(kernel, 0, 2)
    return conv2d(steps, taps.reshape(*taps.shape[:2], -1, taps.shape[-1]), strides[1:])
