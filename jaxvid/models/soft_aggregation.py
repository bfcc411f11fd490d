"""Soft aggregation: poolings that encode a clip's steps by their relation to K learned clusters.

The classical encodings assign a feature to its nearest centre; these share it out by a softmax, so
that the centres train with the network. They start at random; `jaxvid.training.cluster_init` fits
them to data. Source ("the paper" below): Wang, Yi: Spatio-temporal Feature
Soft Correlation Concatenation Aggregation Structure for Video Action Recognition Networks, 2024,
section 4; the family is that of NetVLAD (Arandjelović et al. 2016) and of learnable pooling (Miech
et al. 2017).
"""

from collections.abc import Mapping

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import DTypeLike

from jaxvid.config.names import NORMS
from jaxvid.models.layers.choices import check_choices

# The upper end of the paper's range (0, 1): on BiLSTM states, whose squared distances are about 1,
# assignments are then neither uniform nor saturated.
ALPHA = 1.0

# On a squared length: a cluster that no step is near keeps a short code instead of having the
# remains of a softmax blown up to length one, and gradients grow by at most 1 / sqrt(1e-6) = 1000.
_EPSILON = 1e-6

# Residuals are differences of large sums: the shortened products that GPUs and TPUs default to
# would leave little of them.
_PRECISION = jax.lax.Precision.HIGHEST


def soft_assignment(sequence: Array, weights: Array, biases: Array) -> Array:
    """Shares out each step among the clusters: a = softmax over k of x·w[k] + b[k].

    Shapes: sequence (B,τ,D), weights (K,D), biases (K,) -> (B,τ,K). Source: the paper's eq. 2.
    """
    products = jnp.einsum("bnd,kd->bnk", sequence, weights, precision=_PRECISION)
    return nn.softmax(products + biases, axis=-1)


class _SoftEncoding(nn.Module):
    # Each encoding defines `encode`, which turns steps (B,τ,D) with their shares (B,τ,K) into a
    # code (B,·), of length one unless `norm` is none; `start` (K,D) is where a parameter for the
    # centres starts: where weights and biases do.
    clusters: int = 128
    features: int = 64
    alpha: float = ALPHA
    norm: str = "usual"
    dtype: DTypeLike = jnp.float32

    def __post_init__(self) -> None:
        check_choices(self, norm=NORMS)
        super().__post_init__()

    @nn.compact
    def __call__(self, sequence: Array, final: Array | None = None, train: bool = False) -> Array:
        sequence = sequence.astype(jnp.float32)
        shape = (self.clusters, sequence.shape[-1])
        scale = 2 * self.alpha / np.sqrt(shape[1])
        weights = self.param("weights", nn.initializers.normal(scale), shape, jnp.float32)
        start = weights / (2 * self.alpha)
        biases = self.param("biases", lambda key: -self.alpha * jnp.sum(start**2, axis=1))
        code = self.encode(sequence, soft_assignment(sequence, weights, biases), start)
        # On a code of length one this starts the elements of the embedding at variance one.
        unit_variance = nn.initializers.normal(1.0)
        projection = nn.Dense(
            self.features, dtype=self.dtype, kernel_init=unit_variance, name="projection"
        )
        return projection(code).astype(jnp.float32)

    def normalised(self, sums: Array) -> Array:
        """Normalises what was summed per cluster, (B,...,D), as one vector: (B,·)."""
        sums = _normalise(sums) if self.norm == "usual" else sums
        code = sums.reshape(sums.shape[0], -1)
        return code if self.norm == "none" else _normalise(code)


class SoftBoF(_SoftEncoding):
    """Counts the steps near each cluster, softly: (B,τ,D) -> (B,O).

    Sum over n of a[n,k], L2-normalised, projected; K = `clusters`, O = `features`, a from
    `soft_assignment`; `norm` none leaves the sums as they are. All float32 but the projection's
    product, which runs in `dtype`. Parameters: `weights` (K,D) and `biases` (K,), which start from
    random centres c as w = 2 alpha c, b = -alpha ‖c‖², where eq. 2 equals eq. 1; `projection`.
    Source: the paper, section 4.
    """

    def encode(self, sequence: Array, assigned: Array, start: Array) -> Array:
        counts = assigned.sum(axis=1)
        return counts if self.norm == "none" else _normalise(counts)


class SoftVLAD(_SoftEncoding):
    """Sums the steps' differences from each cluster's centre, softly: (B,τ,D) -> (B,O).

    v[k] = sum over n of a[n,k] (x[n] - c[k]), L2-normalised per cluster, then as one vector,
    projected; with `norm` whole as one vector only, with none not at all. Parameters: those of
    `SoftBoF` and `centres` (K,D), which start where weights and biases do and then move on their
    own. Source: the paper's eq. 3; normalised as in Arandjelović et al. 2016, section 3.1, or
    whole, as in the paper's Algorithm 3, step 5.
    """

    def encode(self, sequence: Array, assigned: Array, start: Array) -> Array:
        centres = self.param("centres", lambda key: start)
        sums = jnp.einsum("bnk,bnd->bkd", assigned, sequence, precision=_PRECISION)
        return self.normalised(sums - assigned.sum(axis=1)[..., None] * centres)


class SoftFV(_SoftEncoding):
    """Compares the steps' mean and variance with each cluster's, softly: (B,τ,D) -> (B,O).

    With z = (x[n] - c[k]) / exp(log_scales[k]) per element: sums over n of a[n,k] z (first order)
    and of a[n,k] (z² - 1) (second order), each L2-normalised per cluster, then both as one vector,
    projected. Parameters: those of `SoftVLAD` and `log_scales` (K,D), the logarithm of the standard
    deviations, which so stay positive. Their squares start at 1 / (2 alpha), for which eq. 1 is
    the posterior of a Gaussian mixture with equal shares. `norm` as in `SoftVLAD`; the paper's
    Algorithm 2 has none. Source: the paper, sections 3.1.2 and 4;
    the form is that of Miech et al. 2017.
    """

    def encode(self, sequence: Array, assigned: Array, start: Array) -> Array:
        centres = self.param("centres", lambda key: start)
        isotropic = nn.initializers.constant(-0.5 * np.log(2 * self.alpha))
        log_scales = self.param("log_scales", isotropic, centres.shape, jnp.float32)
        # Multiplied out, the square would need no (B,τ,K,D), but cancels where scales are small.
        z = (sequence[:, :, None] - centres) * jnp.exp(-log_scales)
        assigned = assigned[..., None]
        orders = [(assigned * z).sum(axis=1), (assigned * (z**2 - 1)).sum(axis=1)]
        return self.normalised(jnp.stack(orders, axis=1))


ENCODINGS: Mapping[str, type[_SoftEncoding]] = {"bof": SoftBoF, "fv": SoftFV, "vlad": SoftVLAD}


class SoftConcat(nn.Module):
    """Averages the soft encodings of a clip: (B,τ,D) -> (B,M,O) -> (B,O), M = len(`methods`).

    Parameters: a tree per method under its name, each with clusters of its own. The mean is the
    one in the text around eq. 4 (the equation itself sums); the paper's reshape of (M·B,O) to
    (B,M,O) would average over different clips, so the methods are stacked on an axis of their own.

    Raises ValueError where `methods` is empty, repeats one or names an unknown one.
    """

    clusters: int = 128
    features: int = 64
    methods: tuple[str, ...] = tuple(ENCODINGS)
    alpha: float = ALPHA
    norm: str = "usual"
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, sequence: Array, final: Array | None = None, train: bool = False) -> Array:
        known = set(self.methods) <= set(ENCODINGS)
        if not self.methods or not known or len(set(self.methods)) < len(self.methods):
            raise ValueError(f"methods {self.methods}: one or more different of {list(ENCODINGS)}")
        fields = (self.clusters, self.features, self.alpha, self.norm, self.dtype)
        encoded = [ENCODINGS[name](*fields, name=name)(sequence) for name in self.methods]
        return jnp.stack(encoded, axis=1).mean(axis=1)


def _normalise(x: Array) -> Array:
    return x * jax.lax.rsqrt(jnp.sum(x**2, axis=-1, keepdims=True) + _EPSILON)
