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
