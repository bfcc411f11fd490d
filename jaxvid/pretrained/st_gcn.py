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
from jaxvid.models.st_gcn import adjacency
from jaxvid.pretrained.loaded import Loaded, Names
from jaxvid.pretrained.torch_layers import NORM
from jaxvid.pretrained.transfer import Transfer, WeightFile
from jaxvid.skeletons import SKELETONS

EPSILON = 1e-5  # of batch norm, in both
UNITS = ("unit_first", *(f"unit_{n}" for n in range(9)))
# Ours is this many times each coordinate that the authors' network reads: theirs lie in [-0.5, 0.5]
# across the frame.
COORDINATES = {"openpose18": (2.0, 2.0, 1.0)}


def read(path: Path, shapes: Any, config: ConfigDict, class_names: Names) -> Loaded:
    """Reads the file into the model. Raises UserError, also where the file's graph is another."""
    model = config.model
    if not model.authors_code:
        raise UserError(
            f"{path} is of the authors' network, with a unit more than the paper's and biases: "
            "config.model.authors_code must be true"
        )
    if model.partition == "powers":
        raise UserError(
            f"{path} is of the authors' network, which has no powers of the adjacency matrix: "
            "config.model.partition must be spatial, distance or uniform, as in its training"
        )
    file = WeightFile.read(path)
    transfer = Transfer(shapes, file)
    skeleton = SKELETONS[model.skeleton]
    ours = adjacency(skeleton.edges, skeleton.centre, model.partition)
    theirs = file.take("A", 3).transpose(0, 2, 1)  # from [subset, input, output]
    subsets = _subsets(file, ours, theirs, model)

    scale = np.tile(COORDINATES.get(model.skeleton, (1.0, 1.0, 1.0)), ours.shape[1])
    _put_norm(transfer, file, "backbone/norm", "data_bn", scale)
    for n, name in enumerate(UNITS):
        unit, original = f"backbone/{name}", f"st_gcn_networks.{n}"
        weight, bias = f"{original}.gcn.conv.weight", f"{original}.gcn.conv.bias"
        kernel = file.take(weight, 4)[:, :, 0, 0]
        kernel = kernel.reshape(len(subsets), -1, kernel.shape[1])[subsets]
        kernel = kernel.reshape(-1, kernel.shape[2]).T
        transfer.put(f"params/{unit}/spatial/kernel", kernel, file, weight)
        biases = file.take(bias, 1).reshape(len(subsets), -1)[subsets].reshape(-1)
        transfer.put(f"params/{unit}/spatial/bias", biases, file, bias)

        # Times our adjacency the weights of the edges are the file's; 1 where it learned none.
        learned = [name for name in (f"edge_importance.{n}",) if name in file]
        edges = theirs * (file.take(learned[0], 3).transpose(0, 2, 1) if learned else 1)
        edges = np.divide(edges[subsets], ours, out=np.ones_like(ours), where=ours != 0)
        transfer.put(f"params/{unit}/edges", edges, file, "A", *learned)

        _put_norm(transfer, file, f"{unit}/spatial_norm", f"{original}.tcn.0")
        weight, bias = f"{original}.tcn.2.weight", f"{original}.tcn.2.bias"
        kernel = file.take(weight, 4).transpose(2, 3, 1, 0)[:, :, None]
        transfer.put(f"params/{unit}/temporal/kernel", kernel, file, weight)
        _put_norm(transfer, file, f"{unit}/temporal_norm", f"{original}.tcn.3", bias=bias)
        weight, bias = f"{original}.residual.0.weight", f"{original}.residual.0.bias"
        if weight in file:
            kernel = file.take(weight, 4)[:, :, 0, 0].T
            transfer.put(f"params/{unit}/shortcut/kernel", kernel, file, weight)
            _put_norm(transfer, file, f"{unit}/shortcut_norm", f"{original}.residual.1", bias=bias)
    transfer.classifier((file, "fcn.weight", "fcn.bias"))
    transfer.keep_rest(model)
    if model.padding != "torch":
        transfer.notes.append(
            "strides are centred on other steps than the file's: config.model.padding=torch"
        )
    return transfer.loaded()


def _subsets(file: WeightFile, ours: np.ndarray, theirs: np.ndarray, model: Any) -> list[int]:
    """Returns which of the file's subsets each of ours is: those of the same pairs of joints."""
    if len(theirs) != len(ours):
        raise UserError(
            f"{file.path}: its partition has the number of subsets {len(theirs)}, and that of "
            f"config.model.partition={model.partition} has {len(ours)}"
        )
    if theirs.shape == ours.shape:
        same = (ours[:, None] != 0) == (theirs[None] != 0)
        pairs = same.all(axis=(2, 3))
        if (pairs.sum(axis=0) == 1).all() and (pairs.sum(axis=1) == 1).all():
            return pairs.argmax(axis=1).tolist()
    others = {name: s for name, s in SKELETONS.items() if name != model.skeleton}
    fitting = [name for name, s in others.items() if len(s.joints) == theirs.shape[1]]
    raise UserError(
        f"{file.path}: its graph of {theirs.shape[1]} joints is another than that of "
        f"config.model.skeleton={model.skeleton}"
        + (f"; as many joints has {' or '.join(fitting)}" if fitting else "")
    )


def _put_norm(
    transfer: Transfer,
    file: WeightFile,
    norm: str,
    original: str,
    scale: np.ndarray | None = None,
    bias: str = "",
) -> None:
    """Sets a batch norm: its input here is `scale` times the file's, without the file's `bias`."""
    names = {field: f"{original}.{name}" for field, name in NORM.items()}
    mean = file.take(names["mean"], 1)
    width = len(mean) if scale is None else len(scale)
    given = [bias] if bias else []
    file.check_norm(
        [names["mean"], names["scale"], names["offset"], *given], names["variance"], width, EPSILON
    )
    scale = np.ones(width) if scale is None else scale
    variance = file.take(names["variance"]).astype(np.float64) + EPSILON
    if bias:
        mean = mean - file.take(bias)
    transfer.put(f"params/{norm}/scale", file.take(names["scale"]), file, names["scale"])
    transfer.put(f"params/{norm}/bias", file.take(names["offset"]), file, names["offset"])
    transfer.put(f"batch_stats/{norm}/mean", mean * scale, file, names["mean"], *given)
    variance = variance * np.square(scale) - EPSILON
    transfer.put(f"batch_stats/{norm}/var", variance, file, names["variance"])
