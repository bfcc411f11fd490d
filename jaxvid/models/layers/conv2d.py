"""2D convolution of every frame of a clip: what the lowerings of 3D convolutions are made of."""

import jax
import jax.numpy as jnp
from jax import lax


def conv2d(x: jax.Array, kernel: jax.Array, strides: tuple[int, int]) -> jax.Array:
    """Convolves frames with SAME padding: x (B,T,H,W,C), kernel (kh,kw,C,D) -> (B,T,H',W',D)."""
    height, width, channels, features = kernel.shape
    if height == width == 1:
        x = x[:, :, :: strides[0], :: strides[1]]
        # As rows: for a kernel's gradient by more axes, XLA on a CPU transposes an operand.
        return (x.reshape(-1, channels) @ kernel[0, 0]).reshape(*x.shape[:-1], features)
    if channels % 2 and channels > 1 and 16 < features <= 32:
        # XLA's CPU convolution is 4 to 15 times slower for an odd number of channels into this many
        # features, which is every narrow stem on RGB. A channel of zeros avoids it.
        x = jnp.pad(x, [(0, 0)] * 4 + [(0, 1)])
        kernel = jnp.pad(kernel, [(0, 0), (0, 0), (0, 1), (0, 0)])
    frames, layout = x.reshape(-1, *x.shape[2:]), ("NHWC", "HWIO", "NHWC")
    y = lax.conv_general_dilated(frames, kernel, strides, "SAME", dimension_numbers=layout)
    return y.reshape(*x.shape[:2], *y.shape[1:])
