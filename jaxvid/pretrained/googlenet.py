"""ImageNet's GoogLeNet from torchvision's state dictionary, per frame or inflated to I3D and LI3D.

Inflated, a kernel is repeated along time and divided by its steps (paper A, after Carreira and
Zisserman 2017, section 2.3); of LI3D's two factors the spatial one takes the kernel and the
temporal one starts as the identity. On a still video the network then computes, away from the
clip's ends, what the one on frames does, padded as I3D pads. torchvision pads the stem and the
poolings in another way: with config.model.padding=torch inception2d does so too.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from jaxvid.pretrained.inception_layers import BRANCHES, STEM, Layer, Units, layer_names
from jaxvid.pretrained.loaded import Loaded, Names
from jaxvid.pretrained.torch_layers import mean_kernel
from jaxvid.pretrained.transfer import RANDOM_STEM, Transfer, WeightFile, modalities

THEIRS = ("branch1", "branch2.0", "branch2.1", "branch3.0", "branch3.1", "branch4.1")
STEMS = {"conv_1a": "conv1", "conv_2b": "conv2", "conv_2c": "conv3"}


def read(path: Path, shapes: Any, config: ConfigDict, class_names: Names) -> Loaded:
    """Reads the file into the model's backbone, of two modalities into both. Raises UserError."""
    file = WeightFile.read(path)
    file.drop("an auxiliary classifier, which only GoogLeNet's training had", "aux[12].*")
    transfer = Transfer(shapes, file)
    for backbone, kind, modality in modalities(config):
        units = Units(transfer, file, backbone, config)
        for name in layer_names():
            layer = Layer.of_pytorch(file, _original(name), "conv", 4)
            if name == STEM and modality == "flow":
                if config.init.flow_stem == "random":
                    names = layer.names.values()
                    transfer.leave(f"{backbone}/{name}", RANDOM_STEM, file, *names)
                    continue
                layer = replace(layer, kernel=mean_kernel(layer.kernel, units.channels))
            units.put(name, layer)
        if kind == "inception2d" and config.model.padding != "torch":
            transfer.notes.append(
                "frames are padded as I3D's; config.model.padding=torch is torchvision's padding"
            )
    transfer.classifier((file, "fc.weight", "fc.bias"))
    transfer.keep_rest(config.model)
    return transfer.loaded()


def _original(name: str) -> str:
    block, _, branch = name.partition("/")
    if not branch:
        return STEMS[name]
    number, letter = block[-2], block[-1]
    # TensorFlow's letters begin with the pooling.
    return f"inception{number}{chr(ord(letter) - 1)}.{THEIRS[BRANCHES.index(branch)]}"
