"""A network as a config describes it, without data: the model and the devices to run it on."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any, TypeVar, cast

import flax.linen as nn
import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from jaxvid import models
from jaxvid.data import loading
from jaxvid.data.clip_cutting import as_clip
from jaxvid.errors import UserError
from jaxvid.models import Outputs, normalize
from jaxvid.models.recognizer import Recognizer, head_of
from jaxvid.runtime.devices import Devices, compute_dtype

Made = TypeVar("Made")


@dataclass(frozen=True)
class Network:
    """A model, its devices, and the shapes that follow from its config alone.

    `on_features`: it is computed on features of its backbone, which are then its clips.
    """

    config: ConfigDict
    model: nn.Module
    devices: Devices
    on_features: bool = False
    _made: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def applied(self) -> nn.Module:
        """The module that clips go through, with the variables of the whole model."""
        return head_of(cast(Recognizer, self.model)) if self.on_features else self.model

    def once(self, what: Hashable, make: Callable[[], Made]) -> Made:
        """Returns what `make` returned the first time, which another config need not make anew.

        Networks that `replace` makes of this one share it, if all but their config is the same.
        """
        others = [getattr(self, f.name) for f in fields(self) if f.name not in ("config", "_made")]
        # With these objects, so that no other one gets the id of one that is gone.
        key = (what, *map(id, others))
        if key not in self._made:
            self._made[key] = make(), others
        made: Made = self._made[key][0]
        return made

    @property
    def blank_clip(self) -> Any:
        """One clip of zeros as the model takes them."""
        clips = {name: jnp.zeros((1, *shape)) for name, shape in self.clip_shapes.items()}
        return as_clip(clips)

    @property
    def clip_shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each modality of a clip, without the axis of the batch."""
        return loading.clip_shapes(self.config.data, self.config.model.skeleton)

    @property
    def clip_specs(self) -> dict[str, jax.ShapeDtypeStruct]:
        """The shape and the type of each modality of a clip as `applied` takes it, or of features.

        Without the axis of the batch.
        """
        if self.on_features:
            backbone = cast(Recognizer, self.model).backbone
            one = jax.eval_shape(
                lambda key: backbone.init_with_output(key, self.blank_clip, False)[0],
                jax.random.key(0),
            )
            return {"features": jax.ShapeDtypeStruct(one.shape[1:], jnp.float32)}
        return {
            name: jax.ShapeDtypeStruct(shape, jnp.float32 if name == "skeleton" else jnp.uint8)
            for name, shape in self.clip_shapes.items()
        }

    def init(self, key: jax.Array) -> dict[str, Any]:
        """Returns the model's variables before training: `params` and `batch_stats`."""
        return {"batch_stats": {}, **self.model.init(key, self.blank_clip, train=False)}

    @cached_property
    def shapes(self) -> Any:
        """The shapes and types of the model's variables."""
        return jax.eval_shape(self.init, jax.random.key(0))

    @cached_property
    def output_shapes(self) -> Outputs:
        """The shapes and types of the model's outputs for one clip."""
        return jax.eval_shape(
            lambda variables: apply(self.model, variables, self.blank_clip), self.shapes
        )

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
    network = build_network(config, num_classes, shards)
    try:
        _ = network.shapes  # computing them raises ValueError for parts that do not fit
    except ValueError as error:
        raise UserError(f"config.model: {error}") from None
    return network


def build_network(config: ConfigDict, num_classes: int, shards: int = 1) -> Network:
    """Builds the model as `open_network` does, without a look at the shapes of its variables."""
    devices = Devices(shards)
    devices.check_batch_size("eval.batch_size", config.eval.batch_size)
    if config.data.modality not in models.modalities(config.model):
        raise UserError(
            f"config.model.backbone={config.model.backbone} reads "
            f"{' or '.join(models.modalities(config.model))}, not what config.data.modality="
            f"{config.data.modality} gives"
        )
    try:
        models.sequence_length(config.model, config.data.num_frames)
        model = models.build(config.model, num_classes, compute_dtype(config.train.dtype))
    except ValueError as error:
        raise UserError(f"config.model: {error}") from None
    return Network(config, model, devices)


def apply(model: nn.Module, variables: Any, clips: Any) -> Outputs:
    """Returns a model's outputs for clips (B, T, H, W, C), uint8 ones scaled, in evaluation."""
    return cast(Outputs, model.apply(variables, normalize(clips), train=False))


def forward(model: nn.Module, variables: Any, clips: Any) -> dict[str, jax.Array]:
    """Returns a model's outputs for clips as they are cut: the pass that all modes share.

    Shapes: clips (B, V, ...), a map of them for several modalities, V views of each, uint8 images
    and float32 joints; probabilities (B, N), logits (B, N), embedding (B, E), sequence (B, τ, D)
    and, where the model weighs its steps, attention (B, τ), float32, means over a clip's views.
    """
    batch, views = jax.tree.leaves(clips)[0].shape[:2]
    merged = jax.tree.map(lambda x: x.reshape(batch * views, *x.shape[2:]), clips)
    outputs = apply(model, variables, merged)
    logits = outputs.logits.astype(jnp.float32)
    named = {
        "probabilities": jax.nn.softmax(logits),
        "logits": logits,
        "embedding": outputs.embedding.astype(jnp.float32),
        "sequence": outputs.sequence.astype(jnp.float32),
    }
    if outputs.attention is not None:
        named["attention"] = outputs.attention.astype(jnp.float32)
    return {
        name: value.reshape(batch, views, *value.shape[1:]).mean(axis=1)
        for name, value in named.items()
    }
