"""Kinetics I3D from DeepMind's TensorFlow 1 checkpoints (rgb_imagenet, flow_imagenet)."""

from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from jaxvid.errors import UserError
from jaxvid.pretrained import i3d_layers, tensor_bundle
from jaxvid.pretrained.inception_layers import Layer
from jaxvid.pretrained.loaded import Loaded, Names
from jaxvid.pretrained.transfer import WeightFile

THEIRS = (
    "Branch_0/Conv3d_0a_1x1",
    "Branch_1/Conv3d_0a_1x1",
    "Branch_1/Conv3d_0b_3x3",
    "Branch_2/Conv3d_0a_1x1",
    "Branch_2/Conv3d_0b_3x3",
    "Branch_3/Conv3d_0b_1x1",
)
ODD = {"mixed_5b/branch_2": "Mixed_5b/Branch_2/Conv3d_0a_3x3"}


def read(path: Path, shapes: Any, config: ConfigDict, class_names: Names) -> Loaded:
    """Reads the checkpoint, and of two modalities config.init.flow_path too. Raises UserError."""

    def classifier(file: WeightFile) -> tuple[str, str]:
        convolution = f"{_scope(file)}/Logits/Conv3d_0c_1x1/conv_3d"
        return f"{convolution}/w", f"{convolution}/b"

    return i3d_layers.place(
        path,
        shapes,
        config,
        lambda file: WeightFile(file, *tensor_bundle.read(file)),
        _layer,
        classifier,
        inputs_first=True,
    )


def _scope(file: WeightFile) -> str:
    """Returns the prefix of the variables of a checkpoint."""
    for scope in ("RGB/inception_i3d", "Flow/inception_i3d"):
        if f"{scope}/Conv3d_1a_7x7/conv_3d/w" in file:
            return scope
    raise UserError(f"{file.path} has no variables of RGB/inception_i3d or Flow/inception_i3d")


def _layer(file: WeightFile, name: str) -> Layer:
    prefix = f"{_scope(file)}/{ODD.get(name) or i3d_layers.original(name, THEIRS, '/')}"
    names = {
        "kernel": f"{prefix}/conv_3d/w",
        "offset": f"{prefix}/batch_norm/beta",
        "mean": f"{prefix}/batch_norm/moving_mean",
        "variance": f"{prefix}/batch_norm/moving_variance",
    }
    tensors = {field: file.take(n, 5 if field == "kernel" else 1) for field, n in names.items()}
    return Layer(**tensors, scale=None, names=names)
