"""The Kinetics I3D weights, wherever they come from, into I3D and LI3D, one modality or two."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from jaxvid.errors import UserError
from jaxvid.pretrained.inception_layers import BRANCHES, STEM, Layer, Units, layer_names
from jaxvid.pretrained.loaded import Loaded
from jaxvid.pretrained.transfer import Transfer, WeightFile, modalities

MODALITY_OF = {3: "rgb", 2: "flow"}  # by the channels of the first layer
STEMS = {"conv_1a": "Conv3d_1a_7x7", "conv_2b": "Conv3d_2b_1x1", "conv_2c": "Conv3d_2c_3x3"}


def original(name: str, branches: tuple[str, ...], separator: str) -> str:
    """Returns the published name of one of our units; `branches`: those of BRANCHES."""
    block, _, branch = name.partition("/")
    if not branch:
        return STEMS[name]
    return f"{block.capitalize()}{separator}{branches[BRANCHES.index(branch)]}"


def place(
    path: Path,
    shapes: Any,
    config: ConfigDict,
    read: Callable[[Path], WeightFile],
    layer: Callable[[WeightFile, str], Layer],
    classifier: Callable[[WeightFile], tuple[str, str]],
    inputs_first: bool = False,
) -> Loaded:
    """Sets the backbones of a model from `path` and, of two modalities, config.init.flow_path.

    `layer` reads the layer of one of our units from a file; `classifier` names the tensors of the
    classifier, `inputs_first` as Transfer.classifier's. Without a file the second of two modalities
    keeps its initial values. Raises UserError for the weights of another modality, and for what
    does not fit.
    """
    flow = config.init.flow_path
    weight_files = [read(file) for file in (path, *([Path(flow).expanduser()] if flow else []))]
    transfer = Transfer(shapes, *weight_files)
    backbones = modalities(config)
    for (backbone, _, modality), file in zip(backbones, weight_files, strict=False):
        units = Units(transfer, file, backbone, config)
        found = layer(file, STEM).kernel.shape[3]
        if found != units.channels:
            raise UserError(
                f"{file.path} holds the weights of the {MODALITY_OF.get(found, found)} modality: "
                f"its first layer reads {found} channels; the model's {modality} modality has "
                f"{units.channels}"
            )
        for name in layer_names():
            units.put(name, layer(file, name))
    for backbone, _, _ in backbones[len(weight_files) :]:
        transfer.keep(backbone, "no config.init.flow_path")
    transfer.classifier(
        *((file, *classifier(file)) for file in weight_files), inputs_first=inputs_first
    )
    transfer.keep_rest(config.model)
    if transfer.approximated:
        overall, *each = transfer.errors().values()
        hint = "; config.model.linear_factors=true has less"
        transfer.notes.append(
            f"{len(each)} kernels over space and time are approximated by their two factors: "
            f"relative error {overall:.3f} over all, up to {max(each):.3f} in one"
            f"{'' if config.model.linear_factors else hint}"
        )
    return transfer.loaded()
