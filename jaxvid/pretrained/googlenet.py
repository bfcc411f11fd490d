"""ImageNet's GoogLeNet from torchvision's state dictionary, per frame or inflated to I3D and LI3D.

Inflated, a kernel is repeated along time and divided by its steps (paper A, after Carreira and
Zisserman 2017, section 2.3); of LI3D's two factors the spatial one takes the kernel and the
temporal one starts as the identity. On a still video the network then computes, away from the
clip's ends, what the one on frames does, padded as I3D pads. torchvision pads the stem and the
poolings in another way: with config.model.padding=torch inception2d does so too.
"""

from pathlib import Path
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from jaxvid.pretrained import tensor_files
from jaxvid.pretrained.inception_layers import STEM, Layer, layer_names, placement
from jaxvid.pretrained.loaded import Loaded
from jaxvid.pretrained.transfer import RANDOM_STEM, Transfer, WeightFile, modalities

BRANCHES = {
    "branch_0": "branch1",
    "branch_1_reduce": "branch2.0",
    "branch_1": "branch2.1",
    "branch_2_reduce": "branch3.0",
    "branch_2": "branch3.1",
    "branch_3": "branch4.1",
}
BEFORE_THE_BLOCKS = {"conv_1a": "conv1", "conv_2b": "conv2", "conv_2c": "conv3"}


def read(path: Path, shapes: Any, config: ConfigDict) -> Loaded:
    """Reads the file into the model's backbone, of two streams into both. Raises UserError."""
    file = WeightFile(path, tensor_files.read(path))
    file.drop_ending("num_batches_tracked", "a counter of training steps")
    for head in ("aux1.", "aux2."):
        file.drop_under(head, "an auxiliary classifier, which only GoogLeNet's training had")
    transfer = Transfer(shapes, file)
    model = config.model
    for path_, backbone, modality in modalities(config):
        units = placement(transfer, file, path_, config)
        for name in layer_names():
            layer = _layer(file, name)
            if name == STEM and modality == "flow":
                if config.init.flow_stem == "random":
                    transfer.keep(f"{path_}/{STEM}", RANDOM_STEM)
                    file.drop(layer.names.values(), RANDOM_STEM)
                    continue
                layer = with_channels(layer, units.stem_channels())
            units.put(name, layer)
        if backbone == "inception2d" and model.padding != "torch":
            transfer.notes.append(
                "frames are padded as I3D's; config.model.padding=torch is torchvision's padding"
            )
    transfer.classifier((file, "fc.weight", "fc.bias"))
    transfer.keep_rest(model)
    return transfer.loaded()


def with_channels(layer: Layer, channels: int) -> Layer:
    """Returns a first layer that reads another number of channels, each through the mean kernel.

    Source: the cross-modality initialisation of Wang et al. 2016, "Temporal segment networks".
    """
    mean = layer.kernel.mean(axis=3, keepdims=True)
    return Layer(**{**vars(layer), "kernel": np.repeat(mean, channels, axis=3)})


def _layer(file: WeightFile, name: str) -> Layer:
    block, _, branch = name.partition("/")
    original = BEFORE_THE_BLOCKS.get(name)
    if branch:
        number, letter = block.removeprefix("mixed_")
        # TensorFlow's letters begin with the pooling.
        original = f"inception{number}{chr(ord(letter) - 1)}.{BRANCHES[branch]}"
    names = {
        "kernel": f"{original}.conv.weight",
        "scale": f"{original}.bn.weight",
        "offset": f"{original}.bn.bias",
        "mean": f"{original}.bn.running_mean",
        "variance": f"{original}.bn.running_var",
    }
    tensors = {field: file.take(n, 4 if field == "kernel" else 1) for field, n in names.items()}
    tensors["kernel"] = tensors["kernel"].transpose(2, 3, 1, 0)[None]
    return Layer(**tensors, names=names)
