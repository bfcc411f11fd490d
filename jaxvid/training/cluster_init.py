"""Fits the clusters of a soft aggregation to features of training clips, before the first step."""

from pathlib import Path
from typing import Any

import jax
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict
from ml_collections import ConfigDict

from jaxvid.data import pipeline
from jaxvid.data.datasets import Video
from jaxvid.errors import UserError
from jaxvid.experiment.experiment import Experiment
from jaxvid.runtime import devices, distributed, files
from jaxvid.runtime.devices import network_input

STEPS_PER_CLUSTER = 32  # feature steps that the fit sees; more change its result little


def are_fitted(model: ConfigDict) -> bool:
    """Tells whether a model config's clusters start from data."""
    return model.pooling.startswith("soft_") and model.cluster_start == "data"


def starting_values(
    experiment: Experiment, variables: dict[str, Any], clips: list[Video], file: Path
) -> dict[str, Any]:
    """Returns the model's parameters with fitted clusters: those in `file`, which else is written.

    Raises UserError where `file` does not hold the clusters of this model, and as `fit` does.
    """
    pooling = flatten_dict(variables["params"]["pooling"], sep="/")
    if not distributed.from_first(file.is_file):
        fitted = flatten_dict(fit(experiment, variables, clips)["pooling"], sep="/")
        if distributed.is_first():
            files.write_arrays(file, {name: np.asarray(leaf) for name, leaf in fitted.items()})
    distributed.wait_for_all()
    kept = files.read_arrays(file)
    if {name: a.shape for name, a in kept.items()} != {n: a.shape for n, a in pooling.items()}:
        raise UserError(f"{file} holds the clusters of another model; delete it")
    return {**variables["params"], "pooling": unflatten_dict(kept, sep="/")}


def fit(experiment: Experiment, variables: dict[str, Any], clips: list[Video]) -> dict[str, Any]:
    """Returns the model's parameters with its pooling's clusters fitted to features of clips.

    The features are the pooling's input under `variables`; clips are drawn by the config's seed.
    Raises UserError where the clips have too few feature steps for the clusters. Source: paper B,
    section 4.
    """
    # Here, because scikit-learn takes a second to load, and most systems train without it.
    from jaxvid.training.cluster_fit import initialize_from_features

    config = experiment.config

    def sequences(variables: dict[str, Any], clips: Any) -> jax.Array:
        whole = experiment.devices.whole(variables)
        return experiment.model.apply(whole, network_input(clips), train=False).sequence

    sequences = devices.jit(sequences, out_shardings=experiment.devices.replicated)
    order = np.random.default_rng(config.seed).permutation(len(clips))
    stream = pipeline.eval_batches(
        experiment.source,
        [clips[i] for i in order],
        experiment.clip_settings,
        config.eval.batch_size,
        views=1,
        reading=experiment.reading,
    )
    wanted = STEPS_PER_CLUSTER * config.model.clusters
    features: list[np.ndarray] = []  # of each clip, (τ, D)
    for batch in stream:
        first_view = jax.tree.map(lambda views: views[:, 0], batch["clip"])
        on_devices = experiment.devices.put_batch(first_view)
        features.extend(np.asarray(sequences(variables, on_devices)))
        if len(features) * len(features[0]) >= wanted:
            break
    steps = np.concatenate(features[: len(clips)])[:wanted]
    try:
        fitted = initialize_from_features(variables["params"]["pooling"], steps, config.seed)
    except ValueError as error:
        raise UserError(f"config.model.clusters={config.model.clusters}: {error}") from None
    return {**variables["params"], "pooling": fitted}
