"""Convolutions with batch norm into the units of I3D, LI3D and Inception v1.

Our batch norm has no scale. One that differs from 1 is folded with the variance into the kernel:
kernel, mean and variance become s * kernel, s * mean and 1 - epsilon, s = scale / sqrt(variance +
epsilon). That is the same function outside training for every scale, also for 0. Training with the
batch's own statistics divides the scale out, which changes what the next layers read.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from ml_collections import ConfigDict

from jaxvid.errors import UserError
from jaxvid.models.i3d import BRANCH_WIDTHS
from jaxvid.pretrained.torch_layers import NORM, conv_kernel
from jaxvid.pretrained.transfer import Transfer, WeightFile

IDENTITY_NORM = (
    "the batch norm between LI3D's two factors is the identity in evaluation alone: training with "
    "the batch's statistics loses these weights at its first step; config.model.linear_factors="
    "true leaves that norm out, config.train.freeze_batch_norm=true leaves it the identity"
)

FOLDED_SCALE = (
    "batch norms with a scale other than 1 are folded into their kernels: exact in evaluation, but "
    "training with the batch's statistics divides the scale out; config.train.freeze_batch_norm="
    "true keeps it"
)

EPSILON = 1e-3  # of the model's batch norm, and of every file's

STEM = "conv_1a"
TINY = np.finfo(np.float32).tiny
BRANCHES = tuple(f"branch_{name}" for name in ("0", "1_reduce", "1", "2_reduce", "2", "3"))


def layer_names() -> list[str]:
    """Returns the paths of all units in a backbone, from the stem on."""
    blocks = [f"{block}/{branch}" for block in BRANCH_WIDTHS for branch in BRANCHES]
    return [STEM, "conv_2b", "conv_2c", *blocks]


@dataclass(frozen=True)
class Layer:
    """A convolution (kt,kh,kw,C,D) and its batch norm (D), and the tensors they come from."""

    kernel: np.ndarray
    offset: np.ndarray
    mean: np.ndarray
    variance: np.ndarray
    scale: np.ndarray | None
    names: dict[str, str]  # by field

    @classmethod
    def of_pytorch(cls, file: WeightFile, unit: str, convolution: str, ndim: int) -> Self:
        """Reads a unit of a state dictionary, whose kernel has `ndim` axes. Raises UserError."""
        names = {field: f"{unit}.bn.{name}" for field, name in NORM.items()}
        tensors = {field: file.take(name, 1) for field, name in names.items()}
        names["kernel"] = f"{unit}.{convolution}.weight"
        return cls(kernel=conv_kernel(file, names["kernel"], ndim), **tensors, names=names)


def fold_scale(layer: Layer) -> Layer:
    """Returns a layer without a scale that computes the same; one of ones is left out."""
    if layer.scale is None or np.all(layer.scale == 1):
        return replace(layer, scale=None)
    factor = layer.scale / np.sqrt(layer.variance.astype(np.float64) + EPSILON)
    return replace(
        layer,
        kernel=layer.kernel * factor,
        mean=layer.mean * factor,
        variance=np.full_like(layer.variance, 1 - EPSILON),
        scale=None,
    )


@dataclass(frozen=True)
class Units:
    """The units of the backbone at `path` in a config's model, to be filled from a file."""

    transfer: Transfer
    file: WeightFile
    path: str
    config: ConfigDict

    @property
    def factors(self) -> tuple[str, str]:
        """The two factors of a factorised unit, in the order they act."""
        spatial_first = self.config.model.kernel_order == "spatial_first"
        return ("spatial", "temporal") if spatial_first else ("temporal", "spatial")

    @property
    def channels(self) -> int:
        """The number of channels that the backbone reads."""
        shapes, stem = self.transfer.shapes, f"params/{self.path}/{STEM}"
        first = f"{stem}/{self.factors[0]}/conv/kernel"
        return shapes[first if first in shapes else f"{stem}/conv/kernel"][3]

    def put(self, name: str, layer: Layer) -> None:
        """Sets the unit `name` of the backbone from a layer.

        A kernel with kt = 1 is repeated along time and divided by the unit's kt. Into a unit of two
        factors goes its exact form (`inflated_factors`), or the best approximation of a kernel over
        time (`best_factors`). Raises UserError for shapes that do not fit.
        """
        norms = [n for field, n in layer.names.items() if field not in ("kernel", "variance")]
        width = layer.kernel.shape[-1]
        self.file.check_norm(norms, layer.names["variance"], width, EPSILON)
        if layer.scale is not None and np.any(layer.scale != 1):
            self._note_of_training(FOLDED_SCALE)
        layer = fold_scale(layer)
        unit = f"{self.path}/{name}"
        whole = self.transfer.shapes.get(f"params/{unit}/conv/kernel")
        if whole is not None:
            times = whole[0] if len(layer.kernel) == 1 else 1
            self._conv(unit, np.repeat(layer.kernel, times, axis=0) / times, layer)
            self._norm(unit, layer)
            return
        first, second = self.factors
        order, linear = self.config.model.kernel_order, self.config.model.linear_factors
        size = self.transfer.shapes[f"params/{unit}/temporal/conv/kernel"][0]
        kernels: Sequence[np.ndarray]
        if len(layer.kernel) == 1:
            signed = name == STEM and not linear
            try:
                kernels = inflated_factors(layer.kernel, size, order, signed)
            except ValueError as error:
                raise UserError(f"{self.file.path}: {layer.names['kernel']}: {error}") from None
        else:
            *kernels, missed = best_factors(layer.kernel, order, paired=not linear)
            self.transfer.approximated[unit] = (missed, float(np.linalg.norm(layer.kernel)))
        for factor, kernel in zip((first, second), kernels, strict=True):
            self._conv(f"{unit}/{factor}", kernel, layer)
        # The norm of a kernel flat in time acts where its kernel does, that of the best factors on
        # their product; the other unit's is the identity.
        flat_first = len(layer.kernel) == 1 and order == "spatial_first" and not linear
        acting, other = (first, second) if flat_first else (second, first)
        self._norm(f"{unit}/{acting}", layer)
        if not linear:
            width = len(layer.offset)
            none = replace(
                layer,
                offset=np.zeros(width),
                mean=np.zeros(width),
                variance=np.full(width, 1 - EPSILON),
            )
            self._norm(f"{unit}/{other}", none)
            self._note_of_training(IDENTITY_NORM)

    def _note_of_training(self, note: str) -> None:
        train, notes = self.config.train, self.transfer.training_notes
        frozen = train.freeze_batch_norm or train.freeze_backbone_epochs >= train.epochs
        if not frozen and note not in notes:
            notes.append(note)

    def _conv(self, unit: str, kernel: np.ndarray, layer: Layer) -> None:
        names = [layer.names[f] for f in ("kernel", "scale") if f in layer.names]
        self.transfer.put(f"params/{unit}/conv/kernel", kernel, self.file, *names)

    def _norm(self, unit: str, layer: Layer) -> None:
        for tree, variable, field in (
            ("params", "bias", "offset"),
            ("batch_stats", "mean", "mean"),
            ("batch_stats", "var", "variance"),
        ):
            path = f"{tree}/{unit}/norm/{variable}"
            self.transfer.put(path, getattr(layer, field), self.file, layer.names[field])


def inflated_factors(
    kernel: np.ndarray, size: int, order: str, signed: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the two kernels, in the order they act, of a kernel (1,k,k,C,D) flat in time.

    The temporal one, of `size` steps, is the identity at its centre. Where it comes first, it has D
    outputs for C inputs, and a ReLU behind it: with `signed` inputs it gives each of them and its
    negative. Raises ValueError where D is too small for that.
    """
    channels, width = kernel.shape[3:]
    if order == "spatial_first":
        temporal = np.zeros((size, 1, 1, width, width))
        temporal[size // 2, 0, 0] = np.eye(width)
        return kernel, temporal
    needed = channels * (2 if signed else 1)
    if needed > width:
        raise ValueError(f"{channels} channels do not pass a temporal kernel {width} wide")
    passed = np.eye(channels)
    temporal = np.zeros((size, 1, 1, channels, width))
    spatial = np.zeros((*kernel.shape[:3], width, width))
    temporal[size // 2, 0, 0, :, :channels] = passed
    spatial[..., :channels, :] = kernel
    if signed:
        temporal[size // 2, 0, 0, :, channels:needed] = -passed
        spatial[..., channels:needed, :] = -kernel
    return temporal, spatial


def best_factors(
    kernel: np.ndarray, order: str, paired: bool
) -> tuple[np.ndarray, np.ndarray, float]:
    """Returns the two kernels, in the order they act, whose composition is nearest to a kernel.

    kernel (kt,kh,kw,C,D) -> (1,kh,kw,C,D) and (kt,1,1,D,D), or with the temporal one first
    (kt,1,1,C,D) and (1,kh,kw,D,D); and the relative error in the Frobenius norm. The composition is
    a matrix product over the D channels between them, so that the truncated singular value
    decomposition of the kernel as a matrix is the best. `paired`: a ReLU acts between the two. Half
    of the channels then carry the negatives of the others, it takes nothing away, and the rank is
    D / 2.
    """
    time, height, width, channels, features = kernel.shape
    if order == "spatial_first":
        matrix = kernel.transpose(1, 2, 3, 0, 4).reshape(-1, time * features)
    else:
        matrix = kernel.transpose(0, 3, 1, 2, 4).reshape(time * channels, -1)
    rank = min(features // 2 if paired else features, *matrix.shape)
    left, right = best_of_rank(matrix.astype(np.float64), rank)
    error = np.linalg.norm(matrix - left @ right) / max(np.linalg.norm(matrix), TINY)
    if paired:
        left, right = np.concatenate([left, -left], axis=1), np.concatenate([right, -right])
    unused = features - left.shape[1]
    left, right = np.pad(left, ((0, 0), (0, unused))), np.pad(right, ((0, unused), (0, 0)))
    if order == "spatial_first":
        first = left.reshape(1, height, width, channels, features)
        second = right.reshape(features, time, 1, 1, features).transpose(1, 2, 3, 0, 4)
    else:
        first = left.reshape(time, 1, 1, channels, features)
        second = right.reshape(features, 1, height, width, features).transpose(1, 2, 3, 0, 4)
    return first, second, float(error)


def best_of_rank(matrix: np.ndarray, rank: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the factors, (n,rank) and (rank,m), whose product is nearest to a matrix (n,m).

    That is the matrix projected on its first singular vectors, which are the last eigenvectors of
    the smaller of its Gram matrices: quicker by far than all of the decomposition.
    """
    if matrix.shape[0] < matrix.shape[1]:
        right, left = best_of_rank(matrix.T, rank)
        return left.T, right.T
    _, vectors = np.linalg.eigh(matrix.T @ matrix)
    vectors = vectors[:, -rank:]
    left = matrix @ vectors
    # Half of each singular value to either side.
    root = np.sqrt(np.linalg.norm(left, axis=0))
    root[root == 0] = 1
    return left / root, root[:, None] * vectors.T
