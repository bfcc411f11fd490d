"""Winograd's F(4, 3) along time: four output steps of three taps by six products, not by twelve.

y = A^T [(G g) * (B^T d)] for six input steps d and three taps g (Lavin and Gray 2016, section 4).
A polynomial of four coefficients times one of three has six, which its values at six points fix.
F(4, 3) is the transpose of that product: G evaluates the taps at the points, A^T is the transposed
evaluation of four coefficients, B^T the transposed interpolation of six. Lavin and Gray print the
matrices for the point 2 in the place of 1/2, and with the divisions in G, not in B^T.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxvid.models.layers.conv2d import conv2d
from jaxvid.models.layers.padding import Triple, pad_axis, windows

TILE = 4  # output steps that are computed together
POINTS = (0, 1, -1, 1 / 2, -2)  # and infinity, where a polynomial is its last coefficient


def _evaluation(coefficients: int) -> np.ndarray:
    return np.vstack([np.vander(POINTS, coefficients, increasing=True), np.eye(coefficients)[-1:]])


G = _evaluation(3)
A_T = _evaluation(TILE).T
B_T = (np.linalg.inv(_evaluation(TILE + 2)).T * 30).round() / 30  # all are thirtieths


def applies(x: jax.Array, kernel: jax.Array, strides: Triple) -> bool:
    """Returns whether `conv_winograd` computes this convolution, and pays.

    With fewer than 64 channels the transforms cost more than the products that they save. In 16
    bits they make the error of values and gradients four to seven times that of a sum over taps.
    """
    defined = kernel.shape[0] == 3 and strides[0] == 1
    pays = x.shape[1] >= TILE and min(kernel.shape[-2:]) >= 64
    return defined and pays and jnp.result_type(x, kernel).itemsize >= 4


def conv_winograd(x: jax.Array, kernel: jax.Array, strides: Triple) -> jax.Array:
    """Convolves at stride 1 in time: x (B,T,H,W,C), kernel (3,kh,kw,C,D) -> (B,T,H',W',D)."""
    length = x.shape[1]
    tiles = -(-length // TILE)
    x = pad_axis(x, 1, 1, tiles * TILE + 1 - length)
    # Barriers: fused into the transposition of a kernel gradient's operands, these sums would read
    # memory with large strides, and slowly.
    steps = lax.optimization_barrier(_times(B_T, windows(x, 1, TILE + 2, TILE, tiles)))
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
