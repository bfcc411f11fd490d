"""Parameters divided over devices: each holds its part, and the training is the same."""

import jax
import numpy as np
import pytest

from jaxvid import config as configs
from jaxvid.config import checks as config_checks
from jaxvid.config import files as config_files
from jaxvid.errors import UserError
from jaxvid.experiment import experiment as experiments
from jaxvid.experiment.network import open_network
from jaxvid.runtime.devices import Devices


def bytes_of(shapes, layout) -> int:
    """Returns what one device holds of a tree under a layout."""
    parts = jax.tree.map(
        lambda leaf, where: np.prod(where.shard_shape(leaf.shape)) * leaf.dtype.itemsize,
        shapes,
        layout,
    )
    return int(sum(jax.tree.leaves(parts)))


def test_the_deep_fusion_s_state_is_divided_over_eight_devices():
    config = config_files.load("configs/deep_fusion.py:ucf101")
    network = open_network(config, 101, shards=8)
    shapes = network.shapes["params"]
    all_of_it = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(shapes))
    assert all_of_it == 4 * 188_766_523  # with the classifier
    assert bytes_of(shapes, network.devices.divided(shapes)) * 5 < all_of_it


def test_small_or_odd_arrays_are_held_whole():
    devices = Devices(shards=8)
    shapes = {
        "bias": jax.ShapeDtypeStruct((64,), np.float32),
        "odd": jax.ShapeDtypeStruct((1001, 77), np.float32),
        "kernel": jax.ShapeDtypeStruct((3, 3, 64, 192), np.float32),
        "square": jax.ShapeDtypeStruct((256, 256), np.float32),
    }
    found = {
        name: where.shard_shape(shapes[name].shape)
        for name, where in devices.divided(shapes).items()
    }
    assert found == {
        "bias": (64,),
        "odd": (1001, 77),
        "kernel": (3, 3, 64, 24),
        "square": (256, 32),
    }


def test_devices_that_cannot_be_grouped_are_refused(tiny):
    tiny.train.shards = 3
    with pytest.raises(UserError, match=r"train\.shards=3: must be a divisor of 8"):
        experiments.open_experiment(tiny, trains=True)
    assert experiments.open_experiment(tiny).network.devices.shards == 1  # as in an evaluation


def test_the_field_is_checked():
    config = configs.default()
    config.train.shards = 0
    with pytest.raises(UserError, match=r"train\.shards=0: must be at least 1"):
        config_checks.check(config)
