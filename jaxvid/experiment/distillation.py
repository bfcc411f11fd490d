"""LI3D made of a trained I3D with the help of unlabelled videos, layer by layer, without training.

A kernel over space and time (3,3,3,C,D) becomes a spatial one, L (9C,D), and a temporal one, R of
three taps (D,D), by least squares on what the layer reads: they minimise the mean of
|sum over k of p[t+k] (W[k] - L R[k])|^2, p[t] (9C) being the patch at step t around a place, W[k]
the kernel's tap k, where the plain factors of `jaxvid.pretrained.inception_layers` minimise the
distance of the kernels. The mean error that is left goes into the batch norm behind them.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict

from jaxvid.models import normalize
from jaxvid.models.i3d import BRANCH_WIDTHS
from jaxvid.models.layers.conv import ConvUnit
from jaxvid.pretrained.inception_layers import best_factors

CUBES = tuple(f"{block}/branch_{n}" for block in BRANCH_WIDTHS for n in (1, 2))
PLACES = 4096  # patches of each clip that a layer is fitted to
ROUNDS = 4  # of fitting the two factors in turn
RIDGE = 1e-5  # of the mean variance of a patch's values: what the clips do not show stays as it is


@dataclass
class Moments:
    """Sums over patches at three neighbouring steps: their products, (3M,3M), and them, (3M)."""

    products: np.ndarray
    sums: np.ndarray
    count: int = 0

    @classmethod
    def empty(cls, width: int) -> "Moments":
        """Returns the sums over no patches of 3 M = `width` values."""
        return cls(np.zeros((width, width)), np.zeros(width))

    def add(self, patches: np.ndarray) -> None:
        """Adds patches (n,3M)."""
        self.products += patches.T.astype(np.float64) @ patches
        self.sums += patches.sum(axis=0, dtype=np.float64)
        self.count += len(patches)


def patches_of(x: np.ndarray, places: int, rng: np.random.Generator) -> np.ndarray:
    """Returns patches at random places of a layer's input (T,H,W,C), as they are at three steps.

    -> (n,27C), by step, row and column, with zeros beyond the border. At most `places`, each place
    of a picture at all steps.
    """
    time, height, width, channels = x.shape
    padded = np.pad(x, ((1, 1), (1, 1), (1, 1), (0, 0)))
    chosen = rng.permutation(height * width)[: max(1, places // time)]
    rows, columns = np.divmod(chosen, width)
    near = np.arange(3)
    around = padded[
        :, (rows[:, None, None] + near[:, None]), (columns[:, None, None] + near[None])
    ]  # (T+2,n,3,3,C)
    flat = around.reshape(time + 2, len(chosen), 9 * channels)
    steps = np.concatenate([flat[k : k + time] for k in range(3)], axis=-1)
    return steps.reshape(-1, 27 * channels)


def fitted_factors(
    kernel: np.ndarray, moments: Moments, rounds: int = ROUNDS
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns the two factors of a kernel (3,3,3,C,D), spatial first, and the mean error they make.

    -> (1,3,3,C,D), (3,1,1,D,D) and what to add to the output (D), fitted to the moments of what the
    layer reads. Never worse on it than the factors of `best_factors`.
    """
    *_, channels, features = kernel.shape
    width = 9 * channels
    mean = moments.sums / moments.count
    spread = moments.products / moments.count - np.outer(mean, mean)
    spread[np.diag_indices(3 * width)] += RIDGE * np.trace(spread) / (3 * width)
    whole = kernel.astype(np.float64).reshape(3, width, features)
    stacked = whole.reshape(3 * width, features)
    first, second, _ = best_factors(kernel, "spatial_first", paired=False)
    left, right = first.reshape(width, features), second.reshape(3, features, features)
    blocks = spread.reshape(3, width, 3, width)
    for _ in range(rounds):
        right = _temporal(left, blocks, stacked, spread)
        left = _spatial(left, right, blocks, whole)
    right = _temporal(left, blocks, stacked, spread)
    product = np.concatenate([left @ tap for tap in right])
    shift = mean @ (stacked - product)
    return (
        left.reshape(1, 3, 3, channels, features),
        right.reshape(3, 1, 1, features, features),
        shift,
    )


def _temporal(
    left: np.ndarray, blocks: np.ndarray, stacked: np.ndarray, spread: np.ndarray
) -> np.ndarray:
    """Returns the best temporal taps (3,D,D) behind a spatial factor (9C,D)."""
    features = left.shape[1]
    inner = np.einsum("md,kmln,ne->kdle", left, blocks, left, optimize=True)
    targets = (spread @ stacked).reshape(3, len(left), features)
    right = np.einsum("md,kmf->kdf", left, targets, optimize=True)
    gram = inner.reshape(3 * features, 3 * features)
    solved = np.linalg.lstsq(gram, right.reshape(3 * features, features), rcond=1e-9)[0]
    return solved.reshape(3, features, features)


def _spatial(
    left: np.ndarray, right: np.ndarray, blocks: np.ndarray, whole: np.ndarray, steps: int = 30
) -> np.ndarray:
    """Returns a better spatial factor (9C,D) before temporal taps (3,D,D): conjugate gradients."""

    def applied(x: np.ndarray) -> np.ndarray:
        total = np.zeros_like(x)
        products = [x @ tap for tap in right]
        for k in range(3):
            inner = sum(blocks[k, :, other] @ products[other] for other in range(3))
            total += inner @ right[k].T
        return total

    target = np.zeros_like(left)
    for k in range(3):
        inner = sum(blocks[k, :, other] @ whole[other] for other in range(3))
        target += inner @ right[k].T
    x, residual = left, target - applied(left)
    direction, size = residual, float((residual**2).sum())
    start = size
    for _ in range(steps):
        if size <= 1e-10 * start or size == 0:
            break
        moved = applied(direction)
        step = size / float((direction * moved).sum())
        x, residual = x + step * direction, residual - step * moved
        size, before = float((residual**2).sum()), size
        direction = residual + size / before * direction
    return x


def moments_of(
    backbone: nn.Module, variables: Any, clips: Iterable[Any], seed: int = 0
) -> dict[str, Moments]:
    """Returns the moments of what each 3x3x3 layer of a trained I3D reads of clips (T,H,W,3)."""

    @jax.jit
    def inputs_of(variables: Any, clip: jax.Array) -> dict[str, jax.Array]:
        found = {}

        def record(call: Any, args: Any, kwargs: Any, context: Any) -> Any:
            name = "/".join(context.module.path)
            if isinstance(context.module, ConvUnit) and name in CUBES:
                found[name] = args[0][0]
            return call(*args, **kwargs)

        with nn.intercept_methods(record):
            backbone.apply(variables, normalize(clip)[None], train=False)
        return found

    moments: dict[str, Moments] = {}
    rng = np.random.default_rng(seed)
    for clip in clips:
        for name, x in inputs_of(variables, jnp.asarray(clip)).items():
            patches = patches_of(np.asarray(x), PLACES, rng)
            moments.setdefault(name, Moments.empty(patches.shape[1])).add(patches)
    return moments


def distilled(variables: Any, moments: dict[str, Moments]) -> Iterator[tuple[str, Any]]:
    """Yields each layer's name with its variables in LI3D with linear factors, by their paths.

    `variables`: the I3D's backbone's.
    """
    flat = flatten_dict(variables, sep="/")
    for name in CUBES:
        first, second, shift = fitted_factors(
            np.asarray(flat[f"params/{name}/conv/kernel"]), moments[name]
        )
        mean = np.asarray(flat[f"batch_stats/{name}/norm/mean"]) - shift
        yield (
            name,
            {
                f"params/{name}/spatial/conv/kernel": first.astype(np.float32),
                f"params/{name}/temporal/conv/kernel": second.astype(np.float32),
                f"params/{name}/temporal/norm/bias": flat[f"params/{name}/norm/bias"],
                f"batch_stats/{name}/temporal/norm/mean": mean.astype(np.float32),
                f"batch_stats/{name}/temporal/norm/var": flat[f"batch_stats/{name}/norm/var"],
            },
        )


def factorised(variables: Any, layers: dict[str, Any]) -> Any:
    """Returns an LI3D's variables: an I3D's, with its 3x3x3 layers replaced by those distilled."""
    flat = flatten_dict(variables, sep="/")
    replaced = tuple(f"{name}/" for name in CUBES)
    kept = {n: leaf for n, leaf in flat.items() if not n.partition("/")[2].startswith(replaced)}
    return unflatten_dict(kept | layers, sep="/")
