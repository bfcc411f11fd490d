"""Kinetics I3D from the state dictionary of its common PyTorch port (rgb_imagenet, flow_imagenet).

The port is DeepMind's I3D with TensorFlow's padding, batch-norm epsilon 1e-3 and a scale. Its
inputs are those of this project's streams: RGB in [-1, 1], flow cut at 20 pixels and divided by it.
"""

from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from jaxvid.pretrained import i3d_layers, tensor_files
from jaxvid.pretrained.inception_layers import Layer
from jaxvid.pretrained.loaded import Loaded
from jaxvid.pretrained.transfer import WeightFile

BRANCHES = {
    "branch_0": "b0",
    "branch_1_reduce": "b1a",
    "branch_1": "b1b",
    "branch_2_reduce": "b2a",
    "branch_2": "b2b",
    "branch_3": "b3b",
}
BEFORE_THE_BLOCKS = {
    "conv_1a": "Conv3d_1a_7x7",
    "conv_2b": "Conv3d_2b_1x1",
    "conv_2c": "Conv3d_2c_3x3",
}


def read(path: Path, shapes: Any, config: ConfigDict) -> Loaded:
    """Reads the file, and of two streams config.init.flow_path too. Raises UserError."""
    weight_files = []
    for file in i3d_layers.paths(path, config):
        weight_files.append(WeightFile(file, tensor_files.read(file)))
        weight_files[-1].drop_ending("num_batches_tracked", "a counter of training steps")
    classifier = ("logits.conv3d.weight", "logits.conv3d.bias")
    return i3d_layers.place(weight_files, shapes, config, _layer, lambda _: classifier)


def _layer(file: WeightFile, name: str) -> Layer:
    block, _, branch = name.partition("/")
    original = f"{block.capitalize()}.{BRANCHES[branch]}" if branch else BEFORE_THE_BLOCKS[name]
    names = {
        "kernel": f"{original}.conv3d.weight",
        "scale": f"{original}.bn.weight",
        "offset": f"{original}.bn.bias",
        "mean": f"{original}.bn.running_mean",
        "variance": f"{original}.bn.running_var",
    }
    tensors = {field: file.take(n, 5 if field == "kernel" else 1) for field, n in names.items()}
    tensors["kernel"] = tensors["kernel"].transpose(2, 3, 4, 1, 0)
    return Layer(**tensors, names=names)
