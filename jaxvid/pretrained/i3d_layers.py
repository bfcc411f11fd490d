"""The Kinetics I3D weights, wherever they come from, into I3D and LI3D, one modality or two."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from jaxvid.errors import UserError
from jaxvid.pretrained.inception_layers import Layer, layer_names, placement
from jaxvid.pretrained.loaded import Loaded
from jaxvid.pretrained.transfer import Transfer, WeightFile, modalities

STREAM_OF = {3: "rgb", 2: "flow"}

LayerReader = Callable[[WeightFile, str], Layer]
ClassifierNames = Callable[[WeightFile], tuple[str, str]]


def place(
    weight_files: list[WeightFile],
    shapes: Any,
    config: ConfigDict,
    layer: LayerReader,
    classifier: ClassifierNames,
    inputs_first: bool = False,
) -> Loaded:
    """Sets the backbones of a model from a file for each, the first one's modality first.

    `layer` reads the layer of one of our units from a file; `classifier` names the tensors of the
    classifier, `inputs_first` as Transfer.classifier's. Without a file the second of two streams
    keeps its initial values.

    Raises UserError for the weights of another modality, and for what does not fit.
    """
    transfer = Transfer(shapes, *weight_files)
    parts = modalities(config)
    for (path, _, modality), file in zip(parts, weight_files, strict=False):
        units = placement(transfer, file, path, config)
        stem = layer(file, layer_names()[0])
        found, wanted = stem.kernel.shape[3], units.stem_channels()
        if found != wanted:
            raise UserError(
                f"{file.path} holds the weights of the {STREAM_OF.get(found, found)} modality: its "
                f"first layer reads {found} channels; the model's {modality} modality has {wanted}"
            )
        for name in layer_names():
            units.put(name, layer(file, name))
    for path, _, _ in parts[len(weight_files) :]:
        transfer.keep(path, "no config.init.flow_path")
    heads = [(file, *classifier(file)) for file in weight_files]
    transfer.classifier(*heads, inputs_first=inputs_first)
    transfer.keep_rest(config.model)
    if transfer.approximated:
        transfer.notes.append(_of_the_error(transfer, config))
    return transfer.loaded()


def paths(path: Path, config: ConfigDict) -> list[Path]:
    """Returns the files that a config names: init.path and, if any, init.flow_path."""
    flow = config.init.flow_path
    return [path, *([Path(flow).expanduser()] if flow else [])]


def _of_the_error(transfer: Transfer, config: ConfigDict) -> str:
    overall, *each = transfer.errors().values()
    return (
        f"{len(each)} kernels over space and time are approximated by their two factors: relative "
        f"error {overall:.3f} over all, up to {max(each):.3f} in one"
        + ("" if config.model.linear_factors else "; config.model.linear_factors=true has less")
    )
