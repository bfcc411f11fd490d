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
from jaxvid.experiment.network import open_network
from jaxvid.models import i3d
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
    loaded = pretrained.load_for(config, network.shapes)
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


# The layers of a block in DeepMind's checkpoints, the PyTorch port of these and torchvision's
# GoogLeNet; their size, and the numbers of their inputs and outputs among the block's widths.
BRANCHES = [
    ("Branch_0/Conv3d_0a_1x1", "b0", "branch1", 1, None, 0),
    ("Branch_1/Conv3d_0a_1x1", "b1a", "branch2.0", 1, None, 1),
    ("Branch_1/Conv3d_0b_3x3", "b1b", "branch2.1", 3, 1, 2),
    ("Branch_2/Conv3d_0a_1x1", "b2a", "branch3.0", 1, None, 3),
    ("Branch_2/Conv3d_0b_3x3", "b2b", "branch3.1", 3, 3, 4),
    ("Branch_3/Conv3d_0b_1x1", "b3b", "branch4.1", 1, None, 5),
]
TORCHVISION = dict(
    zip(i3d.BRANCH_WIDTHS, ("3a", "3b", "4a", "4b", "4c", "4d", "4e", "5a", "5b"), strict=True)
)


def _inception_layers(channels: int) -> dict[tuple[str, str, str], tuple[int, int, int]]:
    """The layers of Inception v1, an eighth as wide: {three names: (size, inputs, outputs)}."""
    layers = {
        ("Conv3d_1a_7x7", "Conv3d_1a_7x7", "conv1"): (7, channels, 8),
        ("Conv3d_2b_1x1", "Conv3d_2b_1x1", "conv2"): (1, 8, 8),
        ("Conv3d_2c_3x3", "Conv3d_2c_3x3", "conv3"): (3, 8, 24),
    }
    total = 24
    for block, published in i3d.BRANCH_WIDTHS.items():
        widths = [max(8, round(width / 64) * 8) for width in published]
        for tensorflow, port, torchvision, size, before, after in BRANCHES:
            name = f"{block.capitalize()}/{tensorflow}"
            if name == "Mixed_5b/Branch_2/Conv3d_0b_3x3":
                name = "Mixed_5b/Branch_2/Conv3d_0a_3x3"
            names = (name, f"{block.capitalize()}.{port}")
            names += (f"inception{TORCHVISION[block]}.{torchvision}",)
            inputs = total if before is None else widths[before]
            layers[names] = (size, inputs, widths[after])
        total = widths[0] + widths[2] + widths[4] + widths[5]
    return layers


def _kernel(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """A kernel (...,C,D)."""
    return random.standard_normal(shape) * np.sqrt(2 / np.prod(shape[:-1]))


def _published_i3d(scope: str, channels: int) -> dict[str, np.ndarray]:
    """DeepMind's I3D with seven classes, an eighth as wide, at random, by its variables' names."""
    random = np.random.default_rng(0)
    tensors = {}
    for (layer, _, _), (size, inputs, outputs) in _inception_layers(channels).items():
        prefix = f"{scope}/inception_i3d/{layer}"
        tensors[f"{prefix}/conv_3d/w"] = _kernel(random, (size, size, size, inputs, outputs))
        for name in ("beta", "moving_mean", "moving_variance"):
            tensors[f"{prefix}/batch_norm/{name}"] = random.uniform(0.5, 1.5, outputs)
    logits = f"{scope}/inception_i3d/Logits/Conv3d_0c_1x1/conv_3d"
    tensors[f"{logits}/w"] = random.standard_normal((1, 1, 1, 128, 7))
    tensors[f"{logits}/b"] = random.standard_normal(7)
    return {name: tensor.astype(np.float32) for name, tensor in tensors.items()}


@pytest.fixture
def published_i3d():
    return _published_i3d


def _state_dictionary(random: np.random.Generator, name: str, convolution: str, kernel: np.ndarray):
    """A unit by PyTorch's names, with batch statistics and a scale; kernel (...,C,D)."""
    spread = {"weight": 0.4, "bias": 0.2, "running_mean": 0.2, "running_var": 0.1}
    unit = {f"{name}.{convolution}.weight": np.moveaxis(kernel, (-1, -2), (0, 1))}
    for part, share in spread.items():
        centre = float(part in ("weight", "running_var"))
        values = centre + share * random.standard_normal(kernel.shape[-1])
        unit[f"{name}.bn.{part}"] = values.astype(np.float32)
    unit[f"{name}.bn.weight"][:2] = 0, -0.5
    return unit | {f"{name}.bn.num_batches_tracked": np.array(3)}


def _published_googlenet() -> dict[str, np.ndarray]:
    """torchvision's GoogLeNet with seven classes, an eighth as wide, at random."""
    random = np.random.default_rng(0)
    tensors = {"fc.weight": random.standard_normal((7, 128)), "fc.bias": np.zeros(7)}
    tensors["aux1.conv.conv.weight"] = np.zeros((4, 4, 1, 1))
    for (_, _, name), (size, inputs, outputs) in _inception_layers(3).items():
        kernel = _kernel(random, (size, size, inputs, outputs))
        tensors |= _state_dictionary(random, name, "conv", kernel)
    return {name: tensor.astype(np.float32) for name, tensor in tensors.items()}


@pytest.fixture
def published_googlenet():
    return _published_googlenet


def _published_port(rank: int | None) -> dict[str, np.ndarray]:
    """I3D's PyTorch port with seven classes, an eighth as wide, at random.

    With `rank` the kernels of 3x3x3 are sums of D / rank separable ones.
    """
    random = np.random.default_rng(0)
    tensors = {"logits.conv3d.weight": random.standard_normal((7, 128, 1, 1, 1))}
    tensors["logits.conv3d.bias"] = np.zeros(7)
    for (_, name, _), (size, inputs, outputs) in _inception_layers(3).items():
        kernel = _kernel(random, (size, size, size, inputs, outputs))
        if rank and size == 3:
            spatial = _kernel(random, (3, 3, inputs, outputs // rank))
            temporal = _kernel(random, (3, outputs // rank, outputs))
            kernel = np.einsum("hwim,tmo->thwio", spatial, temporal)
        tensors |= _state_dictionary(random, name, "conv3d", kernel)
    return {name: tensor.astype(np.float32) for name, tensor in tensors.items()}


@pytest.fixture
def published_port():
    return _published_port
