"""ImageNet's VGG-16 from torchvision's state dictionary: per frame, or both towers of paper C.

The paper's temporal tower starts from the same weights except for its first layer, which is random.
"""

from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from jaxvid.models.vgg import STAGES
from jaxvid.pretrained.loaded import Loaded, Names
from jaxvid.pretrained.torch_layers import conv_kernel, mean_kernel, put_fully_connected
from jaxvid.pretrained.transfer import RANDOM_STEM, Transfer, WeightFile, modalities

# torchvision numbers the convolutions among their ReLUs and poolings.
_PLACES = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
_NAMES = [f"conv{s}_{n}" for s, (count, _) in enumerate(STAGES, 1) for n in range(1, count + 1)]
CONVOLUTIONS = {name: f"features.{place}" for name, place in zip(_NAMES, _PLACES, strict=True)}
LAST = CONVOLUTIONS["conv5_3"]
FULLY_CONNECTED = {"fc6": "classifier.0", "fc7": "classifier.3"}
FC8 = "classifier.6"


def read(path: Path, shapes: Any, config: ConfigDict, class_names: Names) -> Loaded:
    """Reads the file into the model's towers. Raises UserError."""
    file = WeightFile.read(path)
    transfer = Transfer(shapes, file)
    model, towers = config.model, modalities(config)
    for tower, _, modality in towers:
        _put_tower(transfer, file, tower, modality, config)
    if model.backbone == "conv_fusion":
        _put_fusion(transfer, file)
    elif model.system == "deep_fusion":
        fc6 = {"fc6": FULLY_CONNECTED["fc6"]}
        put_fully_connected(transfer, file, "backbone", fc6, LAST)
    elif model.fully_connected:
        fit = [
            put_fully_connected(transfer, file, tower, FULLY_CONNECTED, LAST)
            for tower, _, _ in towers
        ]
        if fit == [True]:
            transfer.classifier((file, f"{FC8}.weight", f"{FC8}.bias"))
    # What found no place so far finds none.
    transfer.keep("classifier", "the published one reads FC7 of a frame's VGG-16")
    left = [n for n in file.tensors if n.startswith("classifier.") and n not in file.went]
    file.drop("the model has no such fully connected layer", *left)
    transfer.keep_rest(model)
    if model.image_norm != "imagenet" and any(modality == "rgb" for _, _, modality in towers):
        transfer.notes.append(
            "these weights were trained on images with ImageNet's mean and deviation: "
            "config.model.image_norm=imagenet"
        )
    return transfer.loaded()


def _put_tower(
    transfer: Transfer, file: WeightFile, tower: str, modality: str, config: ConfigDict
) -> None:
    for name, original in CONVOLUTIONS.items():
        weight = conv_kernel(file, f"{original}.weight", 4)
        if name == "conv1_1" and modality == "flow":
            if config.init.flow_stem == "random":
                transfer.leave(f"{tower}/{name}", RANDOM_STEM, file, f"{original}.*")
                continue
            channels = transfer.shapes[f"params/{tower}/{name}/conv/kernel"][3]
            weight = mean_kernel(weight, channels)
        transfer.put_layer(f"{tower}/{name}/conv", weight, file, original)


def _put_fusion(transfer: Transfer, file: WeightFile) -> None:
    """Sets what conv_fusion has around its towers."""
    fused = "it reads the two towers' fused maps, which ImageNet's network does not have"
    for part in ("fusion", "fc6", "fc_fusion"):
        transfer.keep(f"backbone/{part}", fused)
    if "params/backbone/spatial_fc6/kernel" in transfer.shapes:
        layers = {"spatial_fc6": FULLY_CONNECTED["fc6"]}
        put_fully_connected(transfer, file, "backbone", layers, LAST)
