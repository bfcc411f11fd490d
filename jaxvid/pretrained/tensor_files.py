"""Files of named tensors: .safetensors, PyTorch's state dictionaries, .npz."""

import pickle
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from jaxvid import files
from jaxvid.errors import UserError

EXTRA = "pip install 'jaxvid[convert]'"


def read(path: Path) -> dict[str, np.ndarray]:
    """Reads the tensors of a file by name, numbers of any precision as float32.

    The suffix says what it is. Raises UserError for another suffix, for a file that is damaged or
    not a plain dictionary from names to tensors, for values that are not finite, and where the
    library that reads it is not installed.
    """
    if path.is_dir():
        raise UserError(f"{path} is a folder: a file of weights is wanted")
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise UserError(f"{path}: a name that ends in {', '.join(READERS)} is wanted")
    tensors = {}
    for name, tensor in reader(path).items():
        try:
            tensors[name] = np.asarray(tensor, np.float32)
        except (ValueError, TypeError):
            raise UserError(
                f"{path}: {name} is of type {tensor.dtype}: numbers are wanted"
            ) from None
        if not np.isfinite(tensors[name]).all():
            raise UserError(f"{path} is damaged: {name} has values that are not finite")
    if not tensors:
        raise UserError(f"{path} holds no tensor")
    return tensors


def _read_safetensors(path: Path) -> Mapping[str, np.ndarray]:
    try:
        import safetensors
        from safetensors.numpy import load_file
    except ImportError:
        raise UserError(f"{path}: reading it needs safetensors: {EXTRA}") from None
    try:
        return load_file(path)
    except (safetensors.SafetensorError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path} is damaged or not of safetensors: {error}") from None


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
        raise UserError(f"{path} holds a {type(content).__name__}: a state dictionary is wanted")
    others = [str(name) for name, value in content.items() if not isinstance(value, torch.Tensor)]
    if others:
        raise UserError(
            f"{path} holds more than a plain state dictionary ({', '.join(others[:3])}): names and "
            "their tensors are wanted"
        )
    return {str(name): tensor.float().numpy() for name, tensor in content.items()}


READERS: Mapping[str, Callable[[Path], Mapping[str, np.ndarray]]] = {
    ".safetensors": _read_safetensors,
    ".npz": files.read_arrays,
    **dict.fromkeys((".pt", ".pth", ".pickle", ".pkl", ".tar"), _read_torch),
}
