"""Sports-1M's C3D from the state dictionary of its common PyTorch port.

The weights were trained in Caffe: blue, green and red less their means (config.model.image_norm=
sports1m; the mean of each channel for the mean of each pixel), and a last pooling that pads 7x7
maps at their end (config.model.padding=same). The port pads on both sides (padding=torch).
"""

from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from jaxvid.errors import UserError
from jaxvid.pretrained import tensor_files
from jaxvid.pretrained.convolutions import put_convolution, put_fully_connected
from jaxvid.pretrained.loaded import Loaded
from jaxvid.pretrained.transfer import Transfer, WeightFile

CONVOLUTIONS = {
    "conv1a": "conv1",
    "conv2a": "conv2",
    **{name: name for name in ("conv3a", "conv3b", "conv4a", "conv4b", "conv5a", "conv5b")},
}


def read(path: Path, shapes: Any, config: ConfigDict) -> Loaded:
    """Reads the file into the model. Raises UserError."""
    if config.data.modality != "rgb":
        raise UserError(
            f"{path} reads RGB, and config.data.modality={config.data.modality}: rgb is wanted"
        )
    file = WeightFile(path, tensor_files.read(path))
    transfer = Transfer(shapes, file)
    for name, original in CONVOLUTIONS.items():
        kernel = file.take(f"{original}.weight", 5).transpose(2, 3, 4, 1, 0)
        put_convolution(transfer, file, f"backbone/{name}", original, kernel)
    layers = {"fc6": "fc6", "fc7": "fc7"}
    if put_fully_connected(transfer, file, "backbone", layers, "conv5b"):
        transfer.classifier((file, "fc8.weight", "fc8.bias"))
    else:
        transfer.keep("classifier", "fc7 before it is not from the file")
        file.drop(("fc8.weight", "fc8.bias"), "fc7 before it does not fit")
    transfer.keep_rest(config.model)
    if config.model.image_norm != "sports1m":
        transfer.notes.append(
            "these weights were trained on blue, green and red less their means: "
            "config.model.image_norm=sports1m"
        )
    return transfer.loaded()
