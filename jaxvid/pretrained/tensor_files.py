"""Files of named tensors: .safetensors, PyTorch's state dictionaries, .npz."""

import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from jaxvid.errors import UserError
from jaxvid.runtime import files

EXTRA = "pip install 'jaxvid[convert]'"


def read(path: Path) -> dict[str, np.ndarray]:
    """Reads the tensors of a file by name, numbers of any precision as float32.

    The suffix decides how. Raises UserError for another suffix, for a file that is damaged or
    not a plain dictionary from names to tensors, for values that are not finite, and where the
    library that reads it is not installed.
    """
    if path.is_dir():
        raise UserError(f"{path} is a folder, must be a file of weights")
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise UserError(f"{path}: the name must end in {', '.join(READERS)}")
    tensors = {}
    for name, tensor in reader(path).items():
        # By name: the kind of ml_dtypes' bfloat16 is that of raw bytes.
        if tensor.dtype.kind not in "biuf" and tensor.dtype.name != "bfloat16":
            raise UserError(f"{path}: {name} is of type {tensor.dtype}, must be real numbers")
        tensors[name] = np.asarray(tensor, np.float32)
        if not np.isfinite(tensors[name]).all():
            raise UserError(f"{path} is damaged: {name} has values that are not finite")
    if not tensors:
        raise UserError(f"{path} holds no tensor")
    return tensors


def _read_safetensors(path: Path) -> Mapping[str, np.ndarray]:
    try:
        import ml_dtypes
        import safetensors
    except ImportError:
        raise UserError(f"{path}: reading it needs safetensors: {EXTRA}") from None
    try:
        contents = safetensors.deserialize(path.read_bytes())
    except (safetensors.SafetensorError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path} is damaged or not of safetensors: {error}") from None
    types = {
        **{f"F{bits}": np.dtype(f"<f{bits // 8}") for bits in (16, 32, 64)},
        **{f"{kind}{bits}": np.dtype(f"<{kind.lower()}{bits // 8}")
           for kind in "IU" for bits in (8, 16, 32, 64)},
        "BOOL": np.dtype(bool),
        "BF16": np.dtype(ml_dtypes.bfloat16),
    }  # fmt: skip
    tensors = {}
    for name, content in contents:
        if content["dtype"] not in types:
            raise UserError(
                f"{path}: {name} is of type {content['dtype']}, which is not read: "
                f"{', '.join(types)} are"
            )
        flat = np.frombuffer(content["data"], types[content["dtype"]])
        tensors[name] = flat.reshape(content["shape"])
    return tensors


def _read_torch(path: Path) -> Mapping[str, np.ndarray]:
    try:
        import torch
    except ImportError:
        raise UserError(
            f"{path}: reading it needs PyTorch, its build for the CPU is enough; or save it "
            "elsewhere as .safetensors, which needs none"
        ) from None
    try:
        # Nothing but tensors and plain containers: a pickle can run code.
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise UserError(
            f"{path} is damaged, or more than a plain state dictionary: "
            "torch.save(model.state_dict(), ...) writes one"
        ) from None
    except Exception as error:  # a damaged pickle can raise anything
        reason = (str(error) or "it ends too soon").splitlines()[0].partition(". ")[0]
        raise UserError(f"{path} is damaged: {reason}") from None
    if not isinstance(content, Mapping):
        raise UserError(f"{path} holds a {type(content).__name__}, must be a state dictionary")
    others = [str(name) for name, value in content.items() if not isinstance(value, torch.Tensor)]
    if others:
        raise UserError(
            f"{path} holds more than a plain state dictionary ({', '.join(others[:3])}): all "
            "values must be tensors"
        )
    tensors = {}
    for name, tensor in content.items():
        if not isinstance(name, str):
            raise UserError(f"{path} has the key {name!r}: keys must be names of tensors")
        kind = _unread(tensor)
        if kind:
            raise UserError(f"{path}: {name} is {kind}, which is not read: must be real numbers")
        tensors[name] = tensor.detach().float().numpy()
    return tensors


def _unread(tensor: Any) -> str:
    """Returns what keeps a tensor of PyTorch from being an array of real numbers, if anything."""
    import torch

    if tensor.is_meta:
        return "on the device meta, without values"
    if tensor.is_quantized:
        return f"quantised ({tensor.dtype})"
    if tensor.layout is not torch.strided:
        return f"of layout {tensor.layout}"
    return f"of type {tensor.dtype}" if tensor.is_complex() else ""


READERS: Mapping[str, Callable[[Path], Mapping[str, np.ndarray]]] = {
    ".safetensors": _read_safetensors,
    ".npz": files.read_arrays,
    **dict.fromkeys((".pt", ".pth", ".pickle", ".pkl", ".tar"), _read_torch),
}
