"""A network as a config describes it, without data: the model and the devices to run it on."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from jaxvid import models
from jaxvid.data import loading
from jaxvid.data.pipeline import as_clip
from jaxvid.errors import UserError
from jaxvid.runtime.devices import Devices, compute_dtype


@dataclass(frozen=True)
class Network:
    """A model and its devices, and what its config alone says of its variables."""

    config: ConfigDict
    model: nn.Module
    devices: Devices

    @property
    def blank_clip(self) -> Any:
        """One clip of zeros as the model takes them."""
        clips = {name: jnp.zeros((1, *shape)) for name, shape in self.clip_shapes.items()}
        return as_clip(clips)

    @property
    def clip_shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each modality of a clip, without the axis of the batch."""
        return loading.clip_shapes(self.config.data, self.config.model.skeleton)

    def init(self, key: jax.Array) -> Any:
        """Returns the model's variables before training: `params` and `batch_stats`."""
        return {"batch_stats": {}} | self.model.init(key, self.blank_clip, train=False)

    @cached_property
    def shapes(self) -> Any:
        """The shapes and types of the model's variables."""
        return jax.eval_shape(self.init, jax.random.key(0))

    @cached_property
    def parameters(self) -> dict[str, int]:
        """The numbers of trainable parameters, with the classifier and without."""
        params = self.shapes["params"]
        return {
            "parameters": models.count_parameters(params),
            "parameters_without_classifier": models.count_parameters(params, classifier=False),
        }


def open_network(config: ConfigDict, num_classes: int, shards: int = 1) -> Network:
    """Builds the model. Raises UserError for parts or modalities that do not fit each other.

    `shards`: devices that hold one copy of the parameters between them.
    """
    devices = Devices(shards)
    devices.check_batch_size("eval.batch_size", config.eval.batch_size)
    try:
        models.sequence_length(config.model, config.data.num_frames)
        model = models.build(config.model, num_classes, compute_dtype(config.train.dtype))
    except ValueError as error:
        raise UserError(f"config.model: {error}") from None
    network = Network(config, model, devices)
    if config.data.modality not in models.modalities(config.model):
        raise UserError(
            f"config.model.backbone={config.model.backbone} reads "
            f"{' or '.join(models.modalities(config.model))}, not what config.data.modality="
            f"{config.data.modality} gives"
        )
    try:
        _ = network.shapes  # parts that do not fit say so when their shapes are computed
    except ValueError as error:
        raise UserError(f"config.model: {error}") from None
    return network


def forward(model: nn.Module, variables: Any, clips: Any) -> dict[str, jax.Array]:
    """Returns what a model says of clips as they are cut: the pass that every mode has in common.

    Shapes: clips (B, V, ...), a map of them for several modalities, V views of each, uint8 pictures
    and float32 joints; probabilities (B, N), logits (B, N), embedding (B, E), sequence (B, τ, D)
    and, where the model weighs its steps, attention (B, τ), float32, means over a clip's views.
    """
    batch, views = jax.tree.leaves(clips)[0].shape[:2]
    merged = jax.tree.map(lambda x: x.reshape(batch * views, *x.shape[2:]), clips)
    outputs = model.apply(variables, models.normalize(merged), train=False)
    logits = outputs.logits.astype(jnp.float32)
    said = {
        "probabilities": jax.nn.softmax(logits),
        "logits": logits,
        "embedding": outputs.embedding.astype(jnp.float32),
        "sequence": outputs.sequence.astype(jnp.float32),
    }
    if outputs.attention is not None:
        said["attention"] = outputs.attention.astype(jnp.float32)
    return {
        name: value.reshape(batch, views, *value.shape[1:]).mean(axis=1)
        for name, value in said.items()
    }
