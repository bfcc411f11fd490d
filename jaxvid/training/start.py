"""The state that a training starts from: a checkpoint's, published weights, or random ones."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import optax

from jaxvid import pretrained
from jaxvid.data.datasets import Video
from jaxvid.experiment.experiment import Experiment
from jaxvid.experiment.network import Network
from jaxvid.runtime import distributed
from jaxvid.training import cluster_init
from jaxvid.training.step import TrainState, head_params
from jaxvid.workdir import checkpoints


def create(
    network: Network,
    optimizer: optax.GradientTransformation,
    has_centers: bool,
    head_only: bool,
    key: jax.Array,
) -> TrainState:
    """Returns a new state with random weights; the centers of a center loss are (N, E).

    `head_only`: the optimiser knows the head alone.
    """
    variables = network.init(key)
    centers = None
    if has_centers:
        outputs = network.output_shapes
        centers = jnp.zeros((outputs.logits.shape[-1], outputs.embedding.shape[-1]))
    return TrainState(
        step=jnp.zeros((), jnp.int32),
        params=variables["params"],
        batch_stats=variables["batch_stats"],
        opt_state=optimizer.init(
            head_params(variables["params"]) if head_only else variables["params"]
        ),
        centers=centers,
    )


def layout(network: Network, shapes: TrainState) -> TrainState:
    """Returns how a state of these shapes lies on a network's devices."""
    devices = network.devices
    return jax.tree.map(lambda _: devices.replicated, shapes).replace(
        params=devices.divided(shapes.params), opt_state=devices.divided(shapes.opt_state)
    )


def restored(state: TrainState, workdir: Path) -> TrainState | None:
    """Returns the state of the last whole checkpoint, laid out as `state`; None without any."""
    found = checkpoints.restore(workdir / "checkpoints", state.trees)
    if found is None:
        return None
    _, trees = found
    return TrainState(**trees["variables"], **trees["training"])


def initialized(
    state: TrainState,
    experiment: Experiment,
    workdir: Path,
    clips: list[Video],
    show: Callable[[str], None],
    prepared: Callable[[TrainState], Experiment],
) -> TrainState:
    """Returns a new state with the weights that `config.init` names, if any, in its place.

    Clusters that start from data are fitted to features of `clips`, unless the weights have them,
    by the experiment that `prepared` returns. `show` receives what was read.
    """
    config = experiment.config
    fits = cluster_init.are_fitted(config.model)
    if config.init.source:
        names = experiment.data.dataset.class_names
        loaded = pretrained.load_for(config, experiment.network.shapes, names)
        if distributed.is_primary():
            pretrained.write_account(loaded, config, workdir)
        show(pretrained.describe(loaded, config))
        pretrained.warn_of_training(loaded)
        state = _with(state, **pretrained.fill(state.variables, loaded))
        fits = fits and any(name.startswith("params/pooling/") for name in loaded.initial)
    if fits:
        file = workdir / "clusters.npz"
        params = cluster_init.starting_values(prepared(state), state.variables, clips, file)
        state = _with(state, params=params)
    return state


def _with(state: TrainState, **trees: Any) -> TrainState:
    """Returns the state with other trees, each laid out as the one that it replaces."""
    return state.replace(
        **{
            name: jax.device_put(tree, jax.tree.map(lambda x: x.sharding, getattr(state, name)))
            for name, tree in trees.items()
        }
    )
