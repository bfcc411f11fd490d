import importlib.util
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import jax
import numpy as np
import pytest
from flax.traverse_util import flatten_dict, unflatten_dict

from jaxvid import config as configs
from jaxvid import pretrained
from jaxvid.models import inception
from jaxvid.network import open_network
from jaxvid.pretrained.loaded import Loaded


@pytest.fixture(scope="session")
def torch_networks() -> ModuleType:
    """The published networks in PyTorch; skips where it is not installed."""
    pytest.importorskip("torch")
    file = Path(__file__).with_name("torch_networks.py")
    spec = importlib.util.spec_from_file_location(file.stem, file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@dataclass
class Started:
    """A network that started from a file."""

    network: Any
    variables: Any
    loaded: Loaded

    def __call__(self, clips: Any, key: str = "") -> Any:
        apply = jax.jit(lambda variables, x: self.network.model.apply(variables, x, train=False))
        return apply(self.variables, clips)


def _config(**fields: Any) -> Any:
    """A plain recogniser without dropout; fields as `model__width=0.125`."""
    config = configs.for_dataset("ucf101")
    config.model.encoder = "none"
    config.model.width = 0.125
    config.data.num_frames, config.data.image_size = 8, 32
    config.update_from_flattened_dict({k.replace("__", "."): v for k, v in fields.items()})
    return config.lock()


def _start(config: Any, classes: int) -> Started:
    """Fills a network; what stays initial is made of random numbers, and not compiled."""
    network = open_network(config, classes)
    loaded = pretrained.load(config, network.shapes)
    random = np.random.default_rng(0)
    flat = flatten_dict(network.shapes, keep_empty_nodes=True, sep="/")
    initial = {
        name: abs(random.standard_normal(leaf.shape, np.float32)) * 0.1
        for name, leaf in flat.items()
        if hasattr(leaf, "shape")
    }
    variables = {"batch_stats": {}} | unflatten_dict(initial, sep="/")
    return Started(network, pretrained.fill(variables, loaded), loaded)


@pytest.fixture
def make_config():
    return _config


@pytest.fixture
def start():
    return _start


# DeepMind's layers of a block, with the numbers of their inputs and outputs among its widths.
BRANCHES = {
    "Branch_0/Conv3d_0a_1x1": (1, None, 0),
    "Branch_1/Conv3d_0a_1x1": (1, None, 1),
    "Branch_1/Conv3d_0b_3x3": (3, 1, 2),
    "Branch_2/Conv3d_0a_1x1": (1, None, 3),
    "Branch_2/Conv3d_0b_3x3": (3, 3, 4),
    "Branch_3/Conv3d_0b_1x1": (1, None, 5),
}


def _published_i3d(scope: str, channels: int) -> dict[str, np.ndarray]:
    """Random variables of DeepMind's I3D with seven classes, an eighth as wide, by their names."""
    layers = {"Conv3d_1a_7x7": (7, channels, 8), "Conv3d_2b_1x1": (1, 8, 8)}
    layers["Conv3d_2c_3x3"] = (3, 8, 24)
    total = 24
    for block, published in inception.BRANCH_WIDTHS.items():
        widths = [max(8, round(width / 64) * 8) for width in published]
        for branch, (size, before, after) in BRANCHES.items():
            name = f"{block.capitalize()}/{branch}"
            if name == "Mixed_5b/Branch_2/Conv3d_0b_3x3":
                name = "Mixed_5b/Branch_2/Conv3d_0a_3x3"
            layers[name] = (size, total if before is None else widths[before], widths[after])
        total = widths[0] + widths[2] + widths[4] + widths[5]
    random = np.random.default_rng(0)
    tensors = {}
    for layer, (size, before, after) in layers.items():
        prefix = f"{scope}/inception_i3d/{layer}"
        tensors[f"{prefix}/conv_3d/w"] = random.standard_normal((size, size, size, before, after))
        for name in ("beta", "moving_mean", "moving_variance"):
            tensors[f"{prefix}/batch_norm/{name}"] = random.uniform(0.5, 1.5, after)
    logits = f"{scope}/inception_i3d/Logits/Conv3d_0c_1x1/conv_3d"
    tensors |= {f"{logits}/w": random.standard_normal((1, 1, 1, total, 7))}
    tensors |= {f"{logits}/b": random.standard_normal(7)}
    return {name: tensor.astype(np.float32) for name, tensor in tensors.items()}


@pytest.fixture
def published_i3d():
    return _published_i3d


def _published_vgg16(size: int, classes: int = 7) -> dict[str, np.ndarray]:
    """torchvision's VGG-16 for frames of `size` pixels, an eighth as wide, at random."""
    random = np.random.default_rng(0)
    places = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
    widths = (8, 8, 16, 16, 32, 32, 32, 64, 64, 64, 64, 64, 64)
    shapes, channels = {}, 3
    for place, width in zip(places, widths, strict=True):
        shapes[f"features.{place}"] = (width, channels, 3, 3)
        channels = width
    maps = channels * (size // 32) ** 2
    shapes |= {"classifier.0": (512, maps), "classifier.3": (512, 512)}
    shapes["classifier.6"] = (classes, 512)
    tensors = {}
    for name, shape in shapes.items():
        scale = np.sqrt(2 / np.prod(shape[1:]))
        tensors[f"{name}.weight"] = scale * random.standard_normal(shape)
        tensors[f"{name}.bias"] = 0.1 * random.standard_normal(shape[0])
    return {name: tensor.astype(np.float32) for name, tensor in tensors.items()}


@pytest.fixture
def published_vgg16():
    return _published_vgg16
