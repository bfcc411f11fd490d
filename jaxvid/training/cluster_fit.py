"""Starting values of the soft aggregations' clusters, fitted to features of training clips."""

import functools
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from jaxvid.models.soft_aggregation import ALPHA, ENCODINGS

# Of the features' mean variance: keeps a Gaussian that holds only a few from shrinking to a point.
_VARIANCE_FLOOR = 1e-3


def initialize_from_features(
    params: Mapping[str, Any], features: np.ndarray, seed: int, alpha: float = ALPHA
) -> dict[str, Any]:
    """Returns a soft pooling's parameters with its clusters fitted to features (n,D).

    `params` is the tree of `SoftBoF`, `SoftVLAD`, `SoftFV` or `SoftConcat`, which stays as it is;
    the projections are kept. Centres c (K,D) come from k-means, those of `SoftFV` and its scales
    from a Gaussian mixture with diagonal covariances. All get w = 2 alpha c, b = -alpha ‖c‖², where
    eq. 2 equals eq. 1. For `SoftFV` that stands in for the mixture's own posterior, which is
    quadratic in x and so outside eq. 2: the Gaussians' shares and variances do not enter.
    `alpha` should be the module's own. Deterministic in (features, seed).

    Raises ValueError where `params` is not such a tree, `features` is not (n,D) or not finite, or
    has fewer different rows than there are clusters. Source: the paper, section 4.
    """
    features = np.asarray(features, np.float64)
    if features.ndim != 2 or not np.isfinite(features).all():
        raise ValueError(f"features of shape {features.shape}: finite numbers (n, D) are needed")
    distinct = len(np.unique(features, axis=0))
    # The encodings of one tree share the fit where they have as many clusters.
    k_means = functools.cache(functools.partial(_k_means, features, seed))

    def fit(tree: Mapping[str, Any]) -> dict[str, Any]:
        clusters, width = tree["weights"].shape
        if features.shape[1] != width:
            raise ValueError(f"features are {features.shape[1]} wide, the pooling's {width}")
        if distinct < clusters:
            raise ValueError(f"{distinct} different features are too few for {clusters} clusters")
        fitted = {}
        if "log_scales" in tree:
            centres, variances = _mixture(features, seed, clusters)
            fitted["log_scales"] = 0.5 * np.log(variances)
        else:
            centres = k_means(clusters)
        if "centres" in tree:
            fitted["centres"] = centres
        fitted["weights"] = 2 * alpha * centres
        fitted["biases"] = -alpha * (centres**2).sum(axis=1)
        return {**tree, **{name: leaf.astype(np.float32) for name, leaf in fitted.items()}}

    if "weights" in params:
        return fit(params)
    if not params or not set(params) <= set(ENCODINGS):
        raise ValueError(f"parameters {sorted(params)} are not those of a soft aggregation")
    return {method: fit(tree) for method, tree in params.items()}


def _k_means(features: np.ndarray, seed: int, clusters: int) -> np.ndarray:
    fitted = KMeans(clusters, n_init=1, random_state=seed).fit(features)
    return fitted.cluster_centers_


def _mixture(features: np.ndarray, seed: int, clusters: int) -> tuple[np.ndarray, np.ndarray]:
    floor = _VARIANCE_FLOOR * features.var(axis=0).mean()
    mixture = GaussianMixture(
        clusters,
        covariance_type="diag",
        # One cluster on features that are all the same has no variance to take a floor from.
        reg_covar=max(floor, 1e-12),
        random_state=seed,
    )
    with warnings.catch_warnings():
        # A start for training may stop short of the likelihood's last digits.
        warnings.simplefilter("ignore", ConvergenceWarning)
        mixture.fit(features)
    return mixture.means_, mixture.covariances_
