"""Kinetics I3D from the state dictionary of its common PyTorch port (rgb_imagenet, flow_imagenet).

The port is DeepMind's I3D with TensorFlow's padding, batch-norm epsilon 1e-3 and a scale. Its
inputs are this project's: RGB in [-1, 1], flow cut at 20 pixels and divided by it.
"""

from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from jaxvid.pretrained import i3d_layers
from jaxvid.pretrained.inception_layers import Layer
from jaxvid.pretrained.loaded import Loaded, Names
from jaxvid.pretrained.transfer import WeightFile

THEIRS = ("b0", "b1a", "b1b", "b2a", "b2b", "b3b")
CLASSIFIER = ("logits.conv3d.weight", "logits.conv3d.bias")


def read(path: Path, shapes: Any, config: ConfigDict, class_names: Names) -> Loaded:
    """Reads the file, and of two modalities config.init.flow_path too. Raises UserError."""

    def layer(file: WeightFile, name: str) -> Layer:
        return Layer.of_pytorch(file, i3d_layers.original(name, THEIRS, "."), "conv3d", 5)

    return i3d_layers.place(path, shapes, config, WeightFile.read, layer, lambda _: CLASSIFIER)
