"""Moving tensors into variables with an account of both: none is lost, none is made up."""

import fnmatch
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
from flax.traverse_util import flatten_dict
from ml_collections import ConfigDict

from jaxvid.errors import UserError
from jaxvid.pretrained import tensor_files
from jaxvid.pretrained.loaded import Loaded

TREES = ("params", "batch_stats")
RANDOM_STEM = "the first layer of optical flow is random: config.init.flow_stem=random"


class WeightFile:
    """The tensors of a file, and where each of them went.

    `others`: the types of those that were not read.
    """

    def __init__(
        self, path: Path, tensors: dict[str, np.ndarray], others: Mapping[str, str] | None = None
    ):
        self.path, self.tensors, self.others = path, tensors, others or {}
        self.went = {name: [f"nowhere: of type {kind}"] for name, kind in self.others.items()}

    @classmethod
    def read(cls, path: Path) -> Self:
        """Reads a file of named tensors. Raises UserError."""
        file = cls(path, tensor_files.read(path))
        file.drop("a counter of training steps", "*num_batches_tracked")
        return file

    def __contains__(self, name: str) -> bool:
        return name in self.tensors

    def take(self, name: str, ndim: int | None = None) -> np.ndarray:
        """Returns a tensor. Raises UserError where it is missing or has other than `ndim` axes."""
        if name in self.others:
            raise UserError(f"{self.path}: {name} is of type {self.others[name]}, must be float32")
        if name not in self.tensors:
            raise UserError(f"{self.path} has no tensor {name}: is it another network's file?")
        tensor = self.tensors[name]
        if ndim is not None and tensor.ndim != ndim:
            raise UserError(f"{self.path}: {name} is {tensor.shape}, must have {ndim} axes")
        return tensor

    def check_norm(self, names: list[str], variance: str, width: int, epsilon: float) -> None:
        """Raises UserError for tensors of a batch norm that are not (width,), or no variance."""
        for name in (*names, variance):
            shape = self.take(name).shape
            if shape != (width,):
                raise UserError(f"{self.path}: {name} is {shape}, must be ({width},)")
        lowest = self.take(variance).min(initial=0)
        if lowest <= -epsilon:
            raise UserError(f"{self.path}: {variance} has {lowest:g}: no variance is negative")

    def drop(self, reason: str, *patterns: str) -> None:
        """Leaves out the tensors whose names match a pattern, as file names do."""
        for pattern in patterns:
            for name in fnmatch.filter(self.tensors, pattern):
                self.went.setdefault(name, []).append(f"nowhere: {reason}")


class Transfer:
    """The variables of a model, by path, and what they get from files."""

    def __init__(self, shapes: Any, *weight_files: WeightFile):
        self.shapes = {name: leaf.shape for name, leaf in flatten_dict(shapes, sep="/").items()}
        self.files = weight_files
        self.values: dict[str, np.ndarray] = {}
        self.initial: dict[str, str] = {}
        self.notes: list[str] = []
        self.training_notes: list[str] = []
        self.approximated: dict[str, tuple[float, float]] = {}  # relative error, kernel's norm

    def put(self, variable: str, value: np.ndarray, file: WeightFile, *names: str) -> None:
        """Sets a variable to what was made of the tensors `names`.

        Raises UserError where the model has no such variable, or one of another shape.
        """
        if variable not in self.shapes:
            raise UserError(f"{file.path}: the model has no {variable} for {' and '.join(names)}")
        if value.shape != self.shapes[variable]:
            raise UserError(
                f"{file.path}: {names[0]} {file.tensors[names[0]].shape} makes {value.shape} for "
                f"{variable}, which is {self.shapes[variable]} in this model; published weights "
                "have config.model.width=1.0"
            )
        self.values[variable] = np.ascontiguousarray(value, np.float32)
        for name in names:
            file.went.setdefault(name, []).append(variable)

    def put_layer(self, layer: str, kernel: np.ndarray, file: WeightFile, original: str) -> None:
        """Sets a layer's kernel, made of the file's `original`.weight, and its bias."""
        self.put(f"params/{layer}/kernel", kernel, file, f"{original}.weight")
        bias = f"{original}.bias"
        self.put(f"params/{layer}/bias", file.take(bias), file, bias)

    def keep(self, prefix: str, reason: str) -> None:
        """Leaves the variables under a path at their initial values, those not set so far."""
        for name in self.shapes:
            inside = any(f"{name}/".startswith(f"{tree}/{prefix}/") for tree in TREES)
            if inside and name not in self.values:
                self.initial.setdefault(name, reason)

    def leave(self, prefix: str, reason: str, file: WeightFile, *patterns: str) -> None:
        """Leaves the variables under a path, and drops the tensors that would fill them."""
        self.keep(prefix, reason)
        file.drop(reason, *patterns)

    def keep_rest(self, model: ConfigDict) -> None:
        """Leaves the parts around the backbone, which no published network has."""
        for part in sorted({name.split("/")[1] for name in self.shapes} - {"backbone"}):
            own = f"config.model.{part}={model[part]}" if part in model else part
            self.keep(part, f"the published network has no such part ({own})")

    def classifier(self, *parts: tuple[WeightFile, str, str], inputs_first: bool = False) -> None:
        """Sets the classifier from files with the names of its kernel and its bias.

        The kernel is (N,E,1,...), or (1,...,E,N) with `inputs_first`. Of several, each reads its
        share of the embedding, and their logits are added. Where the model's has another number of
        classes or reads something else, it keeps its initial values.
        """
        kernel, bias = "params/classifier/kernel", "params/classifier/bias"
        matrices = [_matrix(*part, inputs_first) for part in parts] if kernel in self.shapes else []
        stacked = np.concatenate(matrices) if len({m.shape[1] for m in matrices}) == 1 else None
        if not matrices:
            reason = "the model has no classifier"
        elif stacked is None or stacked.shape[1] != self.shapes[kernel][1]:
            found, ours = matrices[0].shape[1], self.shapes[kernel][1]
            reason = f"another number of classes: {found} in the file, {ours} here"
        elif (
            any(name.startswith("params/encoder/") for name in self.shapes)
            or stacked.shape != self.shapes[kernel]
        ):
            reason = "the published classifier reads the backbone's features and nothing else"
        else:
            added = np.sum([file.take(name) for file, _, name in parts], axis=0)
            for file, kernel_name, bias_name in parts:
                self.put(kernel, stacked, file, kernel_name)
                self.put(bias, added, file, bias_name)
            return
        self.keep("classifier", reason)
        for file, *names in parts:
            file.drop(reason, *names)

    def loaded(self) -> Loaded:
        """Returns the account. Raises UserError for a tensor that is not accounted for."""
        tensors: dict[str, str] = {}
        for file in self.files:
            left = sorted(file.tensors.keys() - file.went.keys())
            if left:
                more = f" and {len(left) - 3} more" if len(left) > 3 else ""
                raise UserError(
                    f"{file.path} holds tensors that this network has no place for: "
                    f"{', '.join(left[:3])}{more}"
                )
            prefix = f"{file.path.name}: " if len(self.files) > 1 else ""
            tensors |= {prefix + name: ", ".join(places) for name, places in file.went.items()}
        return Loaded(
            self.values,
            tensors,
            self.initial,
            tuple(self.notes),
            self.errors() or None,
            training_notes=tuple(self.training_notes),
        )

    def errors(self) -> dict[str, float]:
        """Returns the relative error of every approximated kernel, and under `all` of them all."""
        if not self.approximated:
            return {}
        squares = [((error * norm) ** 2, norm**2) for error, norm in self.approximated.values()]
        missed, whole = np.sum(squares, axis=0)
        each = {unit: error for unit, (error, _) in self.approximated.items()}
        return {"all": float(np.sqrt(missed / whole)), **each}


def _matrix(file: WeightFile, kernel: str, bias: str, inputs_first: bool) -> np.ndarray:
    """Returns a classifier's kernel as (E,N). Raises UserError where it is none."""
    whole = file.take(kernel)
    features, classes = (-2, -1) if inputs_first else (1, 0)
    if whole.ndim < 2 or whole.size != whole.shape[features] * whole.shape[classes]:
        expected = "(1, ..., E, N)" if inputs_first else "(N, E, 1, ...)"
        raise UserError(f"{file.path}: {kernel} is {whole.shape}, must be {expected}")
    matrix = np.moveaxis(whole, (features, classes), (-2, -1)).reshape(-1, whole.shape[classes])
    shape = file.take(bias).shape
    if shape != matrix.shape[1:]:
        raise UserError(f"{file.path}: {bias} is {shape}, must be {matrix.shape[1:]}")
    return matrix


def modalities(config: ConfigDict) -> list[tuple[str, str, str]]:
    """Returns the path of each backbone in a model, its name and the modality that it reads."""
    model = config.model
    if model.backbone == "two_stream":
        return [
            ("backbone/rgb", model.rgb_backbone, "rgb"),
            ("backbone/flow", model.flow_backbone, "flow"),
        ]
    if model.backbone == "conv_fusion":
        return [("backbone/spatial", "vgg16", "rgb"), ("backbone/temporal", "vgg16", "flow")]
    return [("backbone", model.backbone, config.data.modality)]
