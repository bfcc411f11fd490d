"""Winograd's F(4, 3) along time: four output steps of three taps by six products, not by twelve.

y = A^T [(G g) * (B^T d)] for six input steps d and three taps g (Lavin and Gray 2016, section 4).
A polynomial of four coefficients times one of three has six, which follow from its values at six
points. F(4, 3) is the transpose of that product: G evaluates the taps at the points 0, 1, -1, 1/2,
-2 and infinity, A^T is the transposed evaluation, B^T the transposed interpolation. Lavin and Gray
have 2 for 1/2, and divide in G: powers of 1/2 are smaller, and so are the rounding errors.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxvid.models.layers.conv2d import conv2d
from jaxvid.models.layers.padding import Triple

TILE = 4  # output steps that are computed together

# From this many channels on, in and out, the products saved cost more than the transforms.
MIN_CHANNELS = 64

G = np.array([[1, 0, 0], [1, 1, 1], [1, -1, 1], [1, 1 / 2, 1 / 4], [1, -2, 4], [0, 0, 1]])

B_T = (
    np.array(
        [
            [30, -45, -60, 45, 30, 0],
            [0, -10, 5, 25, 10, 0],
            [0, -10, 25, -5, -10, 0],
            [0, 64, 32, -64, -32, 0],
            [0, 1, -2, -1, 2, 0],
            [0, 30, -45, -60, 45, 30],
        ]
    )
    / 30
)

A_T = np.array(
    [
        [1, 1, 1, 1, 1, 0],
        [0, 1, -1, 1 / 2, -2, 0],
        [0, 1, 1, 1 / 4, 4, 0],
        [0, 1, -1, 1 / 8, -8, 1],
    ]
)


def applies(x: jax.Array, kernel: jax.Array, strides: Triple) -> bool:
    """Returns whether `conv_winograd` computes this convolution, and faster than a sum over taps.

    In 16 bits it does not: the transforms, rounded to them too, make the error of values and
    gradients four to seven times that of a sum over taps.
    """
    defined = kernel.shape[0] == 3 and strides[0] == 1
    pays = x.shape[1] >= TILE and min(kernel.shape[-2:]) >= MIN_CHANNELS
    return defined and pays and jnp.result_type(x, kernel).itemsize >= 4


def conv_winograd(x: jax.Array, kernel: jax.Array, strides: Triple) -> jax.Array:
    """Convolves at stride 1 in time: x (B,T,H,W,C), kernel (3,kh,kw,C,D) -> (B,T,H',W',D)."""
    length = x.shape[1]
    tiles = -(-length // TILE)
    x = jnp.pad(x, [(0, 0), (1, tiles * TILE + 1 - length), (0, 0), (0, 0), (0, 0)])
    span = (tiles - 1) * TILE + 1
    steps = [lax.slice_in_dim(x, k, k + span, TILE, axis=1) for k in range(TILE + 2)]
    # Barriers: fused into the transposition of a kernel gradient's operands, these sums would read
    # memory with large strides, and slowly.
    steps = lax.optimization_barrier(_times(B_T, steps))
    taps = _times(G, list(kernel))
    products = lax.optimization_barrier(
        [conv2d(step, tap, strides[1:]) for step, tap in zip(steps, taps, strict=True)]
    )
    y = jnp.stack(_times(A_T, products), axis=2)  # (B, tiles, TILE, H', W', D)
    return y.reshape(y.shape[0], -1, *y.shape[3:])[:, :length]


def _times(matrix: np.ndarray, terms: list[jax.Array]) -> list[jax.Array]:
    """Multiplies a matrix by a vector whose elements are arrays, without the zeros of its rows."""
    return [
        functools.reduce(lax.add, [float(w) * t for w, t in zip(row, terms, strict=True) if w])
        for row in matrix
    ]
