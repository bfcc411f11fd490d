"""Models: one file per family of parts, and `build`, which makes a recogniser from a config.

A new backbone, encoder or pooling is one new file and one line in its family below. An entry
turns the model config and the compute dtype into a module.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from jaxvid.models import (
    attention,
    c3d,
    deep_fusion,
    googlenet,
    gru,
    i3d,
    ln_lstm,
    pooling,
    recurrent,
    soft_aggregation,
    st_gcn,
    transformer,
    two_stream,
    vgg,
)
from jaxvid.models.recognizer import Outputs, Recognizer
from jaxvid.skeletons import SKELETONS

__all__ = ["Outputs", "Recognizer", "build", "count_parameters", "modalities", "sequence_length"]

Part = Callable[[Any, DTypeLike], nn.Module | None]


def _inception3d(model: Any, dtype: DTypeLike, *, factorised: bool) -> i3d.Inception3D:
    return i3d.Inception3D(
        factorised=factorised,
        factorised_stem=model.factorised_stem,
        kernel_order=model.kernel_order,
        linear_factors=model.linear_factors,
        width=model.width,
        temporal_stride=model.temporal_stride,
        bn_momentum=model.bn_momentum,
        remat=model.remat,
        lowering=model.lowering,
        dtype=dtype,
    )


def _two_stream(model: Any, dtype: DTypeLike) -> two_stream.TwoStream:
    def part(name: str) -> nn.Module:
        if name in READS:
            raise ValueError(f"backbone {name!r} cannot be one of two streams")
        return _part("backbone", BACKBONES, name)(model, dtype)

    return two_stream.TwoStream(
        part(model.rgb_backbone), part(model.flow_backbone), fusion=model.fusion
    )


def _st_gcn(model: Any, dtype: DTypeLike) -> st_gcn.STGCN:
    skeleton = SKELETONS[model.skeleton]
    return st_gcn.STGCN(
        bones=skeleton.bones,
        centre=skeleton.centre,
        width=model.width,
        layers_per_stage=model.layers_per_stage,
        temporal_stride=model.temporal_stride,
        dropout=model.backbone_dropout,
        authors_code=model.authors_code,
        padding=model.padding,
        bn_momentum=model.bn_momentum,
        lowering=model.lowering,
        dtype=dtype,
    )


def _soft(encoding: Callable[..., nn.Module], model: Any, dtype: DTypeLike) -> nn.Module:
    return encoding(clusters=model.clusters, features=model.aggregated, dtype=dtype)


BACKBONES: Mapping[str, Part] = {
    "i3d": lambda model, dtype: _inception3d(model, dtype, factorised=False),
    "li3d": lambda model, dtype: _inception3d(model, dtype, factorised=True),
    "c3d": lambda model, dtype: c3d.C3D(
        width=model.width,
        temporal_stride=model.temporal_stride,
        dropout=model.backbone_dropout,
        image_norm=model.image_norm,
        padding=model.padding,
        lowering=model.lowering,
        dtype=dtype,
    ),
    "vgg16": lambda model, dtype: vgg.VGG16(
        width=model.width,
        fully_connected=model.fully_connected,
        dropout=model.backbone_dropout,
        image_norm=model.image_norm,
        lowering=model.lowering,
        dtype=dtype,
    ),
    "inception2d": lambda model, dtype: googlenet.Inception2D(
        width=model.width,
        padding=model.padding,
        bn_momentum=model.bn_momentum,
        remat=model.remat,
        lowering=model.lowering,
        dtype=dtype,
    ),
    "two_stream": _two_stream,
    "conv_fusion": lambda model, dtype: deep_fusion.ConvFusion(
        width=model.width,
        fc_features=model.fc_features,
        dropout=model.backbone_dropout,
        fuse_fc=model.fuse_fc,
        image_norm=model.image_norm,
        lowering=model.lowering,
        dtype=dtype,
    ),
    "st_gcn": _st_gcn,
}

# What the backbones read that do not read one modality of pictures, whichever it is.
READS: Mapping[str, str] = {
    "two_stream": "rgb+flow",
    "conv_fusion": "rgb+flow",
    "st_gcn": "skeleton",
}

ENCODERS: Mapping[str, Part] = {
    "none": lambda model, dtype: None,
    "lstm": lambda model, dtype: recurrent.LSTM(model.hidden, model.encoder_layers, dtype),
    "bilstm": lambda model, dtype: recurrent.BiLSTM(model.hidden, model.encoder_layers, dtype),
    "gru": lambda model, dtype: gru.GRU(model.hidden, model.encoder_layers, dtype),
    "ln_lstm": lambda model, dtype: ln_lstm.LNLSTM(
        model.hidden, model.encoder_layers, dropout=model.encoder_dropout, dtype=dtype
    ),
    "transformer": lambda model, dtype: transformer.Transformer(
        model.hidden, model.encoder_layers, dropout=model.encoder_dropout, dtype=dtype
    ),
}

POOLINGS: Mapping[str, Part] = {
    "mean": lambda model, dtype: pooling.Mean(),
    "last": lambda model, dtype: pooling.Last(),
    "attention": lambda model, dtype: attention.Attention(dtype=dtype),
    "soft_bof": lambda model, dtype: _soft(soft_aggregation.SoftBoF, model, dtype),
    "soft_fv": lambda model, dtype: _soft(soft_aggregation.SoftFV, model, dtype),
    "soft_vlad": lambda model, dtype: _soft(soft_aggregation.SoftVLAD, model, dtype),
    "soft_concat": lambda model, dtype: _soft(soft_aggregation.SoftConcat, model, dtype),
}


def build(model: Any, num_classes: int, dtype: DTypeLike = jnp.float32) -> nn.Module:
    """Builds the system that a model config describes, computing in `dtype`.

    `model` has one attribute per field: `system`, `backbone`, `encoder`, `pooling`, `dropout` and
    what those parts ask for. The module maps (clips, train) to `Outputs`; clips are (B,T,H,W,C), or
    for two streams a map of such.

    Raises ValueError for an unknown part, naming the known ones, and for parts that do not fit.
    """
    if model.system == "deep_fusion":
        return _deep_fusion(model, num_classes, dtype)
    if model.direct_logits:
        raise ValueError("direct_logits is for the system 'deep_fusion'")
    return Recognizer(
        backbone=_part("backbone", BACKBONES, model.backbone)(model, dtype),
        encoder=_part("encoder", ENCODERS, model.encoder)(model, dtype),
        pooling=_part("pooling", POOLINGS, model.pooling)(model, dtype),
        num_classes=num_classes,
        dropout=model.dropout,
    )


def _deep_fusion(model: Any, num_classes: int, dtype: DTypeLike) -> deep_fusion.DeepFusion:
    for family, only in {
        "backbone": "conv_fusion",
        "encoder": "ln_lstm",
        "pooling": "last",
    }.items():
        if getattr(model, family) != only:
            name = getattr(model, family)
            raise ValueError(f"system 'deep_fusion' has the {family} {only!r}, not {name!r}")
    return deep_fusion.DeepFusion(
        backbone=BACKBONES["conv_fusion"](model, dtype),
        num_classes=num_classes,
        hidden=model.hidden,
        lstm_dropout=model.encoder_dropout,
        direct=model.direct_logits,
        dtype=dtype,
    )


def modalities(model: Any) -> tuple[str, ...]:
    """Returns the values of `data.modality` that a model config's backbone can read."""
    return (READS[model.backbone],) if model.backbone in READS else ("rgb", "flow")


def sequence_length(model: Any, num_frames: int) -> int:
    """Counts the steps τ that the temporal encoder sees for a clip of T frames.

    Raises ValueError for an unknown backbone, naming the known ones.
    """
    backbone = _part("backbone", BACKBONES, model.backbone)(model, jnp.float32)
    return backbone.sequence_length(num_frames)


def count_parameters(params: Mapping[str, Any], classifier: bool = True) -> int:
    """Counts the trainable numbers in a parameter tree, with its classifier or without.

    Takes arrays or, from `jax.eval_shape`, their shapes alone.
    """
    counted = {name: tree for name, tree in params.items() if classifier or name != "classifier"}
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(counted))


def _part(family: str, known: Mapping[str, Part], name: str) -> Part:
    if name not in known:
        raise ValueError(f"unknown {family} {name!r}: one of {', '.join(known)}")
    return known[name]
