"""PyTorch's convolutions, batch norms and fully connected layers as ours."""

from collections.abc import Mapping

import numpy as np

from jaxvid.errors import UserError
from jaxvid.pretrained.transfer import Transfer, WeightFile

# Of a batch norm in a state dictionary, by our names.
NORM = {"scale": "weight", "offset": "bias", "mean": "running_mean", "variance": "running_var"}


def conv_kernel(file: WeightFile, name: str, ndim: int) -> np.ndarray:
    """Returns a kernel (D,C,kh,kw) or (D,C,kt,kh,kw) of a file as (kt,kh,kw,C,D)."""
    moved = np.moveaxis(file.take(name, ndim), (1, 0), (-2, -1))
    return moved if ndim == 5 else moved[None]


def mean_kernel(kernel: np.ndarray, channels: int) -> np.ndarray:
    """Returns a first layer's kernel for another number of channels: each has the mean kernel.

    Source: the cross-modality initialisation of Wang et al. 2016, "Temporal segment networks".
    """
    return np.repeat(kernel.mean(axis=3, keepdims=True), channels, axis=3)


def put_fully_connected(
    transfer: Transfer, file: WeightFile, path: str, layers: Mapping[str, str], before: str
) -> bool:
    """Sets fully connected layers, one on the other, from those of a file: {ours: theirs}.

    `before` is the file's convolution that they follow. The first one reads its maps: (D, C·H·W)
    there becomes (H·W·C, D) here. Where the model's maps have another size, all of them keep their
    initial values. Returns whether they were set. Raises UserError.
    """
    first = next(iter(layers))
    weight = file.take(f"{layers[first]}.weight", 2)
    width, inputs = weight.shape
    ours = transfer.shapes[f"params/{path}/{first}/kernel"][0]
    if inputs != ours:
        reason = (
            f"{first} reads maps of {ours} numbers, the file's of {inputs}: "
            "config.data.image_size is another"
        )
        for name, original in layers.items():
            transfer.leave(f"{path}/{name}", reason, file, f"{original}.weight", f"{original}.bias")
        return False
    channels = len(file.take(f"{before}.bias"))
    side = round((inputs / channels) ** 0.5)
    if channels * side**2 != inputs:
        raise UserError(
            f"{file.path}: {layers[first]} reads {inputs} numbers, which is no square map of the "
            f"{channels} channels of {before}"
        )
    for name, original in layers.items():
        matrix = file.take(f"{original}.weight", 2).T
        if name == first:
            maps = weight.reshape(width, channels, side, side)
            matrix = maps.transpose(2, 3, 1, 0).reshape(-1, width)
        transfer.put_layer(f"{path}/{name}", matrix, file, original)
    return True
