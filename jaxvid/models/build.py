"""Networks from configs: the parts of each family by name, and what joins them.

A new backbone, encoder or pooling is one new file, one line in its family here and one in
`jaxvid/config/names.py`. A part is imported when it is used, and JAX with it.
"""

import dataclasses
import difflib
import importlib
import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from jaxvid.skeletons import SKELETONS

if TYPE_CHECKING:
    import flax.linen as nn
    from jax.typing import DTypeLike

# Name in a config: file and class.
BACKBONES: Mapping[str, str] = {
    "i3d": "i3d:I3D",
    "li3d": "i3d:LI3D",
    "c3d": "c3d:C3D",
    "vgg16": "vgg:VGG16",
    "inception2d": "googlenet:GoogLeNet",
    "two_stream": "two_stream:TwoStream",
    "conv_fusion": "deep_fusion:ConvFusion",
    "st_gcn": "st_gcn:STGCN",
}
ENCODERS: Mapping[str, str] = {
    "none": "",
    "lstm": "recurrent:LSTM",
    "bilstm": "recurrent:BiLSTM",
    "gru": "recurrent:GRU",
    "ln_lstm": "ln_lstm:LNLSTM",
    "transformer": "transformer:Transformer",
}
POOLINGS: Mapping[str, str] = {
    "mean": "pooling:Mean",
    "max": "pooling:Max",
    "last": "pooling:Last",
    "attention": "pooling:Attention",
    "soft_bof": "soft_aggregation:SoftBoF",
    "soft_fv": "soft_aggregation:SoftFV",
    "soft_vlad": "soft_aggregation:SoftVLAD",
    "soft_concat": "soft_aggregation:SoftConcat",
}
SYSTEMS = {"recognizer": "recognizer:Recognizer", "deep_fusion": "deep_fusion:DeepFusion"}
PARTS = {"backbone": BACKBONES, "encoder": ENCODERS, "pooling": POOLINGS, "system": SYSTEMS}

# A part's fields are those of config.model with the same names, but for these; None: no such field.
FIELDS: Mapping[str, Mapping[str, str | None]] = {
    "backbone": {"dropout": "backbone_dropout"},
    "encoder": {"dropout": "encoder_dropout", "num_layers": "encoder_layers"},
    "pooling": {
        "features": "aggregated",
        "hidden": None,
        "alpha": "assignment_alpha",
        "norm": "aggregation_norm",
    },
    "system": {"lstm_dropout": "encoder_dropout", "direct": "direct_logits"},
}

# The parts that the system deep_fusion may have.
DEEP_FUSION: Mapping[str, tuple[str, ...]] = {
    "backbone": ("conv_fusion", "vgg16"),
    "encoder": ("ln_lstm", "lstm"),
    "pooling": ("last",),
}

# What the backbones read that do not read one modality of images, whichever it is.
READS = {"two_stream": "rgb+flow", "conv_fusion": "rgb+flow", "st_gcn": "skeleton"}


def list_configs() -> list[str]:
    """Returns the names of the shipped configs that `create` takes: those of networks."""
    from jaxvid.config import files

    return [name for name in files.names() if name != "sift"]


def create(
    name: str,
    num_classes: int,
    *,
    scale: str = "paper",
    dtype: "DTypeLike" = "float32",
    **fields: Any,
) -> "nn.Module":
    """Builds the network of a shipped config: `create("li3d_bilstm", num_classes=10, width=0.25)`.

    `name`: NAME or, as on the command line, NAME:ARGUMENT, such as "li3d_bilstm:ucf101". `scale`:
    paper, or small, the embedded dataset's; a scale in ARGUMENT goes before it. `fields` are those
    of config.model and go before both. The module computes in `dtype`.

    Raises ValueError for an unknown config, field or value, naming the known ones.
    """
    from jaxvid.config import checks, files

    base, _, argument = name.partition(":")
    _check_known("config", base, list_configs())
    if "scale=" not in argument:
        argument = f"{argument or 'embedded'},scale={scale}"
    config = files.load(f"{base}:{argument}")
    for field, value in fields.items():
        _check_known("field of config.model", field, config.model)
        try:
            config.model[field] = value
        except TypeError as error:
            raise ValueError(f"config.model.{field}={value!r}: {error}") from None
    checks.check(config)
    return build(config.model, num_classes, dtype)


def build(model: Any, num_classes: int, dtype: "DTypeLike" = "float32") -> "nn.Module":
    """Builds the system that a model config describes, computing in `dtype`.

    `model` has one attribute per field: `system`, `backbone`, `encoder`, `pooling`, `dropout` and
    the fields of those parts. The module maps (clips, train) to `Outputs`; clips are (B,T,H,W,C),
    of skeletons (B,T,M,V,C), or for RGB and flow a map of such.

    Raises ValueError for an unknown part, naming the known ones, and for parts that do not fit.
    """
    families = ["backbone", "encoder", "pooling"]
    given: dict[str, Any] = {}
    if model.system == "deep_fusion":
        for family, known in DEEP_FUSION.items():
            if (name := getattr(model, family)) not in known:
                raise ValueError(
                    f"system 'deep_fusion' has the {family} {' or '.join(known)}, not {name}"
                )
        families = ["backbone"]  # the rest is its own
        given["layer_norm"] = model.encoder == "ln_lstm"
    elif model.direct_logits:
        raise ValueError("direct_logits is for the system 'deep_fusion'")
    parts = {family: _part(family, getattr(model, family), model, dtype) for family in families}
    return _part("system", model.system, model, dtype, num_classes=num_classes, **given, **parts)


def modalities(model: Any) -> tuple[str, ...]:
    """Returns the values of `data.modality` that a model config's backbone can read."""
    return (READS[model.backbone],) if model.backbone in READS else ("rgb", "flow")


def sequence_length(model: Any, num_frames: int) -> int:
    """Counts the steps τ that a config's temporal encoder sees of T frames. Raises as `build`."""
    return _part("backbone", model.backbone, model, "float32").sequence_length(num_frames)


def count_parameters(params: Mapping[str, Any], classifier: bool = True) -> int:
    """Counts the numbers in a tree of parameters or of their shapes, the classifier's included."""
    import jax

    counted = {name: tree for name, tree in params.items() if classifier or name != "classifier"}
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(counted))


def _part(family: str, name: str, model: Any, dtype: "DTypeLike", **given: Any) -> Any:
    # Makes a part of the fields in `given` and of those that config.model has.
    import jax.numpy as jnp

    _check_known(family, name, PARTS[family])
    if not PARTS[family][name]:
        return None
    file, _, class_name = PARTS[family][name].partition(":")
    part = getattr(importlib.import_module(f"jaxvid.models.{file}"), class_name)
    if name == "two_stream":
        for modality in ("rgb", "flow"):
            backbone = getattr(model, f"{modality}_backbone")
            if backbone in READS:
                raise ValueError(f"backbone {backbone!r} cannot be one of two streams")
            given[modality] = _part(family, backbone, model, dtype)
    elif name == "st_gcn":
        skeleton = SKELETONS[model.skeleton]
        given |= {"edges": skeleton.edges, "centre": skeleton.centre}
    for field in dataclasses.fields(part):
        source = FIELDS[family].get(field.name, field.name)
        if field.name == "dtype":
            given["dtype"] = jnp.dtype(dtype)
        elif field.name not in given and source and hasattr(model, source):
            given[field.name] = getattr(model, source)
    return part(**given)


def _check_known(what: str, name: str, known: Iterable[str]) -> None:
    names = list(known)
    if name not in names:
        near = difflib.get_close_matches(name, names, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"unknown {what} {name!r}: one of {', '.join(names)}{hint}")
