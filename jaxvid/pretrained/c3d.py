"""Sports-1M's C3D from the state dictionary of its common PyTorch port.

The weights were trained in Caffe: blue, green and red minus their means (config.model.image_norm=
sports1m; the mean of each channel instead of the mean of each pixel), and a last pooling that pads
7x7 maps at their end (config.model.padding=same). The port pads on both sides (padding=torch).
"""

from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from jaxvid.errors import UserError
from jaxvid.pretrained.loaded import Loaded, Names
from jaxvid.pretrained.torch_layers import conv_kernel, put_fully_connected
from jaxvid.pretrained.transfer import Transfer, WeightFile

CONVOLUTIONS = {
    "conv1a": "conv1",
    "conv2a": "conv2",
    **{name: name for name in ("conv3a", "conv3b", "conv4a", "conv4b", "conv5a", "conv5b")},
}


def read(path: Path, shapes: Any, config: ConfigDict, class_names: Names) -> Loaded:
    """Reads the file into the model. Raises UserError."""
    if config.data.modality != "rgb":
        raise UserError(
            f"{path} reads RGB: config.data.modality={config.data.modality} must be rgb"
        )
    file = WeightFile.read(path)
    transfer = Transfer(shapes, file)
    for name, original in CONVOLUTIONS.items():
        weight = conv_kernel(file, f"{original}.weight", 5)
        transfer.put_layer(f"backbone/{name}/conv", weight, file, original)
    layers = {"fc6": "fc6", "fc7": "fc7"}
    if put_fully_connected(transfer, file, "backbone", layers, "conv5b"):
        transfer.classifier((file, "fc8.weight", "fc8.bias"))
    else:
        transfer.leave("classifier", "fc7 before it is not from the file", file, "fc8.*")
    transfer.keep_rest(config.model)
    if config.model.image_norm != "sports1m":
        transfer.notes.append(
            "these weights were trained on blue, green and red minus their means: "
            "config.model.image_norm=sports1m"
        )
    return transfer.loaded()
