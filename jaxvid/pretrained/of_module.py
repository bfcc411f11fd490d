"""The config of a module that was built by hand, as far as sources of weights read it."""

from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
from ml_collections import ConfigDict

from jaxvid import models
from jaxvid.config import fields
from jaxvid.models.build import BACKBONES, ENCODERS, POOLINGS
from jaxvid.skeletons import SKELETONS

# Attributes of backbones that are fields of the same name, and change what weights mean.
COPIED = (
    *("kernel_order", "linear_factors", "temporal_stride", "padding", "image_norm"),
    *("fully_connected", "authors_code", "partition"),
)


def describe_module(module: nn.Module, variables: Any) -> ConfigDict:
    """Returns the config of a recogniser or a backbone, and of its variables under `backbone`."""
    config = fields.default()
    model = config.model
    backbone = getattr(module, "backbone", module)
    model.backbone = _name(backbone, BACKBONES)
    if hasattr(module, "pooling"):
        model.encoder = _name(getattr(module, "encoder", None), ENCODERS)
        model.pooling = _name(module.pooling, POOLINGS)
    if model.backbone == "two_stream":
        model.rgb_backbone = _name(backbone.rgb, BACKBONES)
        model.flow_backbone = _name(backbone.flow, BACKBONES)
        backbone = backbone.rgb
    for field in COPIED:
        if hasattr(backbone, field):
            model[field] = getattr(backbone, field)
    if model.backbone == "st_gcn":
        graph = backbone.edges, backbone.centre
        fitting = (name for name, s in SKELETONS.items() if (s.edges, s.centre) == graph)
        model.skeleton = next(fitting, model.skeleton)
    kernels = (leaf for leaf in jax.tree.leaves(variables["params"]["backbone"]) if leaf.ndim == 5)
    reads_rgb = any(kernel.shape[-2] == 3 for kernel in kernels)
    readable = models.modalities(model)
    config.data.modality = readable[0] if reads_rgb or len(readable) == 1 else "flow"
    return config


def _name(part: nn.Module | None, family: Mapping[str, str]) -> str:
    """Returns the name of a part in configs, or that of its class where it has none."""
    if part is None:
        return "none"
    kind = type(part).__name__
    if hasattr(part, "factorised"):
        kind = "LI3D" if part.factorised else "I3D"
    return next((name for name, entry in family.items() if entry.endswith(f":{kind}")), kind)
