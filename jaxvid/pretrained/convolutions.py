"""PyTorch's convolutions with a bias and fully connected layers into ours."""

from collections.abc import Mapping

import numpy as np

from jaxvid.errors import UserError
from jaxvid.pretrained.transfer import Transfer, WeightFile


def put_convolution(
    transfer: Transfer, file: WeightFile, unit: str, original: str, kernel: np.ndarray
) -> None:
    """Sets a unit's kernel, (kt,kh,kw,C,D), and its bias, from the layer `original` of a file."""
    transfer.put(f"params/{unit}/conv/kernel", kernel, file, f"{original}.weight")
    transfer.put(
        f"params/{unit}/conv/bias", file.take(f"{original}.bias"), file, f"{original}.bias"
    )


def put_fully_connected(
    transfer: Transfer, file: WeightFile, path: str, layers: Mapping[str, str], before: str
) -> bool:
    """Sets fully connected layers, one on the other, from those of a file: {ours: theirs}.

    `before` is the file's convolution that they follow. The first one reads its maps: (D, C·H·W)
    there becomes (H·W·C, D) here. Where the model's maps have another size, all of them keep their
    initial values. Returns whether they were set. Raises UserError.
    """
    first, *others = layers
    weight = file.take(f"{layers[first]}.weight", 2)
    wanted = transfer.shapes[f"params/{path}/{first}/kernel"]
    if weight.shape[1] != wanted[0]:
        reason = (
            f"{first} reads maps of {wanted[0]} numbers, the file's of {weight.shape[1]}: "
            "config.data.image_size is another"
        )
        for name, original in layers.items():
            transfer.keep(f"{path}/{name}", reason)
            file.drop((f"{original}.weight", f"{original}.bias"), reason)
        return False
    channels = len(file.take(f"{before}.bias"))
    side = round((weight.shape[1] / channels) ** 0.5)
    if channels * side**2 != weight.shape[1]:
        raise UserError(
            f"{file.path}: {layers[first]} reads {weight.shape[1]} numbers, which is no square map "
            f"of the {channels} channels of {before}"
        )
    maps = weight.reshape(len(weight), channels, side, side).transpose(2, 3, 1, 0)
    kernels = {first: maps.reshape(-1, len(weight))}
    kernels |= {name: file.take(f"{layers[name]}.weight", 2).T for name in others}
    for name, kernel in kernels.items():
        weight_name, bias_name = f"{layers[name]}.weight", f"{layers[name]}.bias"
        transfer.put(f"params/{path}/{name}/kernel", kernel, file, weight_name)
        transfer.put(f"params/{path}/{name}/bias", file.take(bias_name), file, bias_name)
    return True
