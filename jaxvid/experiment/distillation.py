"""LI3D made of a trained I3D with the help of unlabelled videos: least squares, no training.

A kernel over space and time (3,3,3,C,D) becomes a spatial factor L (9C,D) and a temporal one R of
three taps (D,D). `jaxvid.pretrained.inception_layers.best_factors` takes those whose product is
nearest to the kernel; here they are nearest in the kernel's output on the videos, the mean of
|sum over k of p[t+k] (W[k] - L R[k])|^2 over the patches p (9C) that the layer reads. Patches at
neighbouring steps are taken to be correlated by three numbers, the same for all channels, so that
the best factors have a closed form. The mean of the error goes into the batch norm behind them.
"""

from dataclasses import dataclass, field
from typing import Any

import flax.linen as nn
import jax
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict
from ml_collections import ConfigDict

from jaxvid.errors import UserError
from jaxvid.models import i3d, normalize
from jaxvid.models.layers.conv import ConvUnit
from jaxvid.pretrained.inception_layers import EPSILON, best_of_rank
from jaxvid.runtime import devices

PLACES = 2048  # patches that a layer's moments take from each clip
SHRINKAGE = 0.01  # share of the identity in a covariance: few clips show few directions


def cubes() -> list[str]:
    """Returns the paths of an I3D's 3x3x3 layers that LI3D factorises."""
    return [f"{block}/branch_{n}" for block in i3d.BRANCH_WIDTHS for n in (1, 2)]


@dataclass
class Moments:
    """Sums over what a layer reads.

    Of patches (9C): their `products` (9C,9C) and `sums` (9C). Of maps, less their clip's mean: the
    products of values 1 and 2 steps `apart`, and of the same values, their `power` (2).
    """

    products: Any = 0.0
    sums: Any = 0.0
    patches: int = 0
    apart: np.ndarray = field(default_factory=lambda: np.zeros(2))
    power: np.ndarray = field(default_factory=lambda: np.zeros(2))

    def add(self, x: np.ndarray, rng: np.random.Generator) -> None:
        """Adds a clip's maps (T,H,W,C), with zeros beyond their border, and patches drawn there."""
        steps, height, width, _ = x.shape
        chosen = rng.permutation(steps * height * width)[:PLACES]
        t, h, w = np.unravel_index(chosen, (steps, height, width))
        padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
        near = [padded[t, h + i, w + j] for i in range(3) for j in range(3)]
        patches = np.concatenate(near, axis=1)
        self.products += (patches.T @ patches).astype(np.float64)
        self.sums += patches.sum(axis=0, dtype=np.float64)
        self.patches += len(patches)
        x = x - x.mean(axis=(0, 1, 2))
        for k in range(1, min(3, steps)):
            first, later = x[:-k], x[k:]
            self.apart[k - 1] += np.vdot(first, later)
            self.power[k - 1] += (np.vdot(first, first) + np.vdot(later, later)) / 2

    @property
    def mean(self) -> np.ndarray:
        """The mean patch (9C,)."""
        return self.sums / self.patches

    @property
    def covariance(self) -> np.ndarray:
        """The covariance of patches (9C,9C), drawn a little towards a multiple of the identity."""
        found = self.products / self.patches - np.outer(self.mean, self.mean)
        scale = float(np.trace(found)) / len(found) or 1.0  # where nothing was ever read
        return (1 - SHRINKAGE) * found + SHRINKAGE * scale * np.eye(len(found))

    @property
    def correlation(self) -> np.ndarray:
        """The correlation of three neighbouring steps (3,3)."""
        near, far = self.apart / np.where(self.power > 0, self.power, 1)
        return np.array([[1, near, far], [near, 1, near], [far, near, 1]])


class LayerInputs:
    """The moments of what each 3x3x3 layer of a trained I3D reads, over the clips that are added.

    `backbone`, `variables`: the I3D's. `seed` draws the patches.
    """

    def __init__(self, backbone: nn.Module, variables: Any, seed: int = 0):
        def inputs_of(variables: Any, clip: jax.Array) -> dict[str, jax.Array]:
            found: dict[str, jax.Array] = {}

            def record(call: Any, args: Any, kwargs: Any, context: Any) -> Any:
                name = "/".join(context.module.path)
                if isinstance(context.module, ConvUnit) and name in self.moments:
                    found[name] = args[0][0]
                return call(*args, **kwargs)

            with nn.intercept_methods(record):
                backbone.apply(variables, normalize(clip)[None], train=False)
            return found

        self._inputs_of, self._variables = devices.jit(inputs_of), variables
        self._rng = np.random.default_rng(seed)
        self.moments = {name: Moments() for name in cubes()}

    def add(self, views: np.ndarray) -> None:
        """Adds the views (V,T,H,W,C) of a video."""
        for clip in views:
            for name, x in self._inputs_of(self._variables, clip).items():
                self.moments[name].add(np.asarray(x, np.float32), self._rng)


def factors_on(
    kernel: np.ndarray, variance: np.ndarray, moments: Moments
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns a kernel's two factors, spatial first, and the mean error (D) that they make.

    kernel (3,3,3,C,D), variance (D) of the batch norm behind it, by which errors are weighed ->
    (1,3,3,C,D), (3,1,1,D,D), (D).
    """
    *_, channels, features = kernel.shape
    whole = kernel.astype(np.float64).transpose(1, 2, 3, 0, 4).reshape(-1, 3, features)
    space, time = _root(moments.covariance), _root(moments.correlation)
    weights = 1 / np.sqrt(variance.astype(np.float64) + EPSILON)
    weighed = np.einsum("akd,kj->ajd", np.tensordot(space, whole, 1), time) * weights
    rank = min(features, len(whole))
    left, right = best_of_rank(weighed.reshape(len(whole), -1), rank)
    left = np.linalg.solve(space, left)
    right = np.einsum(
        "rkd,kj->rjd", right.reshape(rank, 3, features) / weights, np.linalg.inv(time)
    )
    missed = whole - np.einsum("ar,rkd->akd", left, right)
    left = np.pad(left, ((0, 0), (0, features - rank)))
    right = np.pad(right, ((0, features - rank), (0, 0), (0, 0)))
    return (
        left.reshape(1, 3, 3, channels, features),
        right.transpose(1, 0, 2).reshape(3, 1, 1, features, features),
        np.einsum("a,akd->d", moments.mean, missed),
    )


def student_config(config: ConfigDict) -> ConfigDict:
    """Returns the config of the LI3D that is made of a run's I3D.

    Raises UserError for a run of anything else.
    """
    if config.model.system != "recognizer" or config.model.backbone != "i3d":
        raise UserError(
            f"config.model.backbone={config.model.backbone}: LI3D is made of a run of one i3d, "
            "such as i3d_kinetics400"
        )
    made = config.copy_and_resolve_references()
    made.model.update(backbone="li3d", kernel_order="spatial_first", linear_factors=True)
    made.model.factorised_stem = False
    made.name = f"{config.name}_distilled"
    return made


def student(variables: Any, moments: dict[str, Moments]) -> Any:
    """Returns the variables of an LI3D with linear factors: an I3D's, its 3x3x3 layers replaced.

    `variables`: those of the whole model, head included.
    """
    flat = {name: np.asarray(leaf) for name, leaf in flatten_dict(variables, sep="/").items()}
    for name in cubes():
        place = f"backbone/{name}"
        kernel = flat.pop(f"params/{place}/conv/kernel")
        bias = flat.pop(f"params/{place}/norm/bias")
        mean = flat.pop(f"batch_stats/{place}/norm/mean")
        variance = flat.pop(f"batch_stats/{place}/norm/var")
        first, second, missed = factors_on(kernel, variance, moments[name])
        flat |= {
            f"params/{place}/spatial/conv/kernel": first.astype(np.float32),
            f"params/{place}/temporal/conv/kernel": second.astype(np.float32),
            f"params/{place}/temporal/norm/bias": bias,
            f"batch_stats/{place}/temporal/norm/mean": (mean - missed).astype(np.float32),
            f"batch_stats/{place}/temporal/norm/var": variance,
        }
    return unflatten_dict(flat, sep="/")


def _root(matrix: np.ndarray) -> np.ndarray:
    """Returns the symmetric square root of a covariance."""
    values, vectors = np.linalg.eigh(matrix)
    values = np.maximum(values, 1e-6 * values.max())
    return (vectors * np.sqrt(values)) @ vectors.T
