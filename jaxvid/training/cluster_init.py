"""Starting values of a soft aggregation's clusters, fitted to features of training clips."""

import functools
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict
from ml_collections import ConfigDict

from jaxvid.data.datasets import Video
from jaxvid.errors import UserError
from jaxvid.experiment import memory
from jaxvid.experiment.experiment import Experiment
from jaxvid.experiment.network import forward
from jaxvid.models.soft_aggregation import ALPHA, ENCODINGS
from jaxvid.runtime import devices, distributed, files

if TYPE_CHECKING:
    from sklearn.mixture import GaussianMixture

STEPS_PER_CLUSTER = 32  # feature steps that the fit reads; more change its result little
# Of the features' mean variance: keeps a Gaussian that holds only a few from shrinking to a point.
_VARIANCE_FLOOR = 1e-3


def are_fitted(model: ConfigDict) -> bool:
    """Whether a model config's clusters start from data."""
    return model.pooling.startswith("soft_") and model.cluster_start == "data"


def starting_values(
    experiment: Experiment, variables: dict[str, Any], clips: list[Video], file: Path
) -> dict[str, Any]:
    """Returns the model's parameters with fitted clusters, read from `file` or written to it.

    Raises UserError where `file` does not hold the clusters of this model, and as `fit` does.
    """
    pooling = flatten_dict(variables["params"]["pooling"], sep="/")
    if not distributed.from_primary(file.is_file):
        fitted = flatten_dict(fit(experiment, variables, clips), sep="/")
        if distributed.is_primary():
            files.write_arrays(file, {name: np.asarray(leaf) for name, leaf in fitted.items()})
    distributed.wait_for_all()
    kept = files.read_arrays(file)
    if {name: a.shape for name, a in kept.items()} != {n: a.shape for n, a in pooling.items()}:
        raise UserError(f"{file} holds the clusters of another model; delete it")
    return {**variables["params"], "pooling": unflatten_dict(kept, sep="/")}


def fit(experiment: Experiment, variables: dict[str, Any], clips: list[Video]) -> dict[str, Any]:
    """Returns the pooling's parameters with its clusters fitted to features of clips.

    The features are the pooling's input under `variables`; clips are drawn by the config's seed.
    Raises UserError where the clips have too few feature steps for the clusters. Source: paper B,
    section 4.
    """
    config, data, network = experiment.config, experiment.data, experiment.network

    def sequences_of(variables: dict[str, Any], clips: Any) -> jax.Array:
        whole = network.devices.whole(variables)
        return forward(network.applied, whole, clips)["sequence"]

    sequences = devices.jit(sequences_of, out_shardings=network.devices.replicated)
    order = np.random.default_rng(config.seed).permutation(len(clips))
    needed = STEPS_PER_CLUSTER * config.model.clusters
    features: list[np.ndarray] = []  # of each clip, (τ, D)
    size = memory.batch_size(network, sequences, variables, data.ahead)
    for batch in data.eval_batches([clips[i] for i in order], 1, size):
        with memory.naming(config, "eval.batch_size"):
            found = sequences(variables, network.devices.put_batch(batch)["clip"])
            features.extend(np.asarray(found))
        if len(features) * len(features[0]) >= needed:
            break
    return fitted(variables["params"]["pooling"], features[: len(clips)], config)


def fitted(pooling: Any, sequences: Sequence[np.ndarray], config: ConfigDict) -> dict[str, Any]:
    """Returns the pooling's parameters with its clusters fitted to the first steps of sequences.

    `sequences`: of clips in the order that the config's seed draws, (τ,D) each. Raises UserError
    where they have too few steps for the clusters.
    """
    steps = np.concatenate(sequences)[: STEPS_PER_CLUSTER * config.model.clusters]
    try:
        return initialize_from_features(pooling, steps, config.seed, config.model.assignment_alpha)
    except ValueError as error:
        raise UserError(f"config.model.clusters={config.model.clusters}: {error}") from None


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
            mixture = fit_mixture(features, clusters, seed)
            centres = mixture.means_
            fitted["log_scales"] = 0.5 * np.log(mixture.covariances_)
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
    # Here, because scikit-learn takes a second to load, and most systems train without it.
    from sklearn.cluster import KMeans

    fitted = KMeans(clusters, n_init=1, random_state=seed).fit(features)
    return fitted.cluster_centers_


def fit_mixture(
    features: np.ndarray, clusters: int, seed: int, iterations: int = 100
) -> "GaussianMixture":
    """Returns a Gaussian mixture with diagonal covariances, fitted to features (n, D)."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    mixture = GaussianMixture(
        clusters,
        covariance_type="diag",
        # One cluster on features that are all the same has no variance to take a floor from.
        reg_covar=max(_VARIANCE_FLOOR * float(features.var(axis=0).mean()), 1e-12),
        max_iter=iterations,
        random_state=seed,
    )
    with warnings.catch_warnings():
        # A start may stop short of the likelihood's last digits.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return mixture.fit(features)
