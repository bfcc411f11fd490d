"""ST-GCN from the state dictionary of its authors' PyTorch implementation.

That network has a unit more than the paper and biases (config.model.authors_code), centres its
strides on even steps (config.model.padding=torch), and weighs every neighbour of a joint alike,
where ours weighs those of a subset alike: the learned weights of the edges take up the difference.
"""

from pathlib import Path
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from jaxvid.errors import UserError
from jaxvid.models.st_gcn import partition
from jaxvid.pretrained import tensor_files
from jaxvid.pretrained.loaded import Loaded
from jaxvid.pretrained.transfer import Transfer, WeightFile
from jaxvid.skeletons import SKELETONS

EPSILON = 1e-5  # of batch norm, in both
UNITS = ("unit_first", *(f"unit_{n}" for n in range(9)))
# Ours is this many times what the authors' network sees of each coordinate: theirs lie in
# [-0.5, 0.5] across the frame.
COORDINATES = {"openpose18": (2.0, 2.0, 1.0)}


def read(path: Path, shapes: Any, config: ConfigDict) -> Loaded:
    """Reads the file into the model. Raises UserError, also where the file's graph is another."""
    model = config.model
    if not model.authors_code:
        raise UserError(
            f"{path} is of the authors' network, with a unit more than the paper's and biases: "
            "config.model.authors_code=true is wanted"
        )
    file = WeightFile(path, tensor_files.read(path))
    file.drop_ending("num_batches_tracked", "a counter of training steps")
    transfer = Transfer(shapes, file)
    skeleton = SKELETONS[model.skeleton]
    ours = partition(skeleton.edges, skeleton.centre)
    theirs = file.take("A", 3).transpose(0, 2, 1)  # from [subset, input, output]
    subsets = _subsets(file, ours, theirs, model.skeleton)

    scale = np.tile(COORDINATES.get(model.skeleton, (1.0, 1.0, 1.0)), ours.shape[1])
    _put_norm(transfer, file, "backbone/norm", "data_bn", scale=scale)
    for n, name in enumerate(UNITS):
        unit, original = f"backbone/{name}", f"st_gcn_networks.{n}"
        _put_spatial(transfer, file, unit, f"{original}.gcn.conv", subsets)
        _put_edges(transfer, file, unit, f"edge_importance.{n}", ours, theirs, subsets)
        _put_norm(transfer, file, f"{unit}/spatial_norm", f"{original}.tcn.0")
        kernel = file.take(f"{original}.tcn.2.weight", 4).transpose(2, 3, 1, 0)[:, :, None]
        names = (f"{original}.tcn.2.weight",)
        transfer.put(f"params/{unit}/temporal/kernel", kernel, file, *names)
        bias = f"{original}.tcn.2.bias"
        _put_norm(transfer, file, f"{unit}/temporal_norm", f"{original}.tcn.3", bias)
        if f"{original}.residual.0.weight" in file:
            weight = f"{original}.residual.0.weight"
            kernel = file.take(weight, 4)[:, :, 0, 0].T
            transfer.put(f"params/{unit}/shortcut/kernel", kernel, file, weight)
            bias = f"{original}.residual.0.bias"
            _put_norm(transfer, file, f"{unit}/shortcut_norm", f"{original}.residual.1", bias)
    transfer.classifier((file, "fcn.weight", "fcn.bias"))
    transfer.keep_rest(model)
    if model.padding != "torch":
        transfer.notes.append(
            "strides are centred on other steps than the file's: config.model.padding=torch"
        )
    return transfer.loaded()


def _subsets(file: WeightFile, ours: np.ndarray, theirs: np.ndarray, skeleton: str) -> list[int]:
    """Returns which of the file's subsets each of ours is: those of the same pairs of joints."""
    if theirs.shape == ours.shape:
        same = (ours[:, None] != 0) == (theirs[None] != 0)
        pairs = same.all(axis=(2, 3))
        if (pairs.sum(axis=0) == 1).all() and (pairs.sum(axis=1) == 1).all():
            return pairs.argmax(axis=1).tolist()
    others = {name: s for name, s in SKELETONS.items() if name != skeleton}
    fitting = [name for name, s in others.items() if len(s.joints) == theirs.shape[1]]
    raise UserError(
        f"{file.path}: its graph of {theirs.shape[1]} joints is another than that of "
        f"config.model.skeleton={skeleton}"
        + (f"; as many joints has {' or '.join(fitting)}" if fitting else "")
    )


def _put_spatial(
    transfer: Transfer, file: WeightFile, unit: str, original: str, subsets: list[int]
) -> None:
    weight, bias = file.take(f"{original}.weight", 4)[:, :, 0, 0], file.take(f"{original}.bias", 1)
    weight = weight.reshape(len(subsets), -1, weight.shape[1])[subsets]
    bias = bias.reshape(len(subsets), -1)[subsets]
    spatial = f"params/{unit}/spatial"
    kernel = weight.reshape(-1, weight.shape[2]).T
    transfer.put(f"{spatial}/kernel", kernel, file, f"{original}.weight")
    transfer.put(f"{spatial}/bias", bias.reshape(-1), file, f"{original}.bias")


def _put_edges(
    transfer: Transfer,
    file: WeightFile,
    unit: str,
    importance: str,
    ours: np.ndarray,
    theirs: np.ndarray,
    subsets: list[int],
) -> None:
    """Sets the weights of the edges so that times our adjacency they are the file's.

    Where the file learned none they are 1 there.
    """
    learned = file.take(importance, 3).transpose(0, 2, 1) if importance in file else 1
    wanted = (theirs * learned)[subsets]
    edges = np.divide(wanted, ours, out=np.ones_like(ours), where=ours != 0)
    names = ("A", importance) if importance in file else ("A",)
    transfer.put(f"params/{unit}/edges", edges, file, *names)


def _put_norm(
    transfer: Transfer,
    file: WeightFile,
    norm: str,
    original: str,
    bias: str = "",
    scale: np.ndarray | float = 1,
) -> None:
    """Sets a batch norm: its input here is `scale` times the file's, without the file's `bias`."""
    mean = file.take(f"{original}.running_mean", 1)
    others = [f"{original}.{name}" for name in ("weight", "bias")]
    others += [bias] if bias else []
    file.check_norm(others, f"{original}.running_var", len(mean), EPSILON)
    if np.ndim(scale) and len(scale) != len(mean):
        raise UserError(
            f"{file.path}: {original}.running_mean is {mean.shape}: {scale.shape} is wanted"
        )
    if bias:
        mean = mean - file.take(bias, 1)
    variance = file.take(f"{original}.running_var", 1).astype(np.float64) + EPSILON
    for variable, value, name in (
        ("params/{}/scale", file.take(f"{original}.weight", 1), "weight"),
        ("params/{}/bias", file.take(f"{original}.bias", 1), "bias"),
        ("batch_stats/{}/mean", mean * scale, "running_mean"),
        ("batch_stats/{}/var", variance * np.square(scale) - EPSILON, "running_var"),
    ):
        names = (f"{original}.{name}", *([bias] if bias and name == "running_mean" else []))
        transfer.put(variable.format(norm), value, file, *names)
