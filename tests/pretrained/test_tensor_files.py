import pickle
import struct
import sys

import numpy as np
import pytest

from jaxvid.errors import UserError
from jaxvid.pretrained import tensor_files

TENSORS = {
    "a.weight": np.arange(6, dtype=np.float32).reshape(2, 3),
    "b": np.array([1.5, -2], np.float64),
    "steps": np.array(7),
}


def save_torch(path, tensors=TENSORS):
    torch = pytest.importorskip("torch")
    torch.save({name: torch.tensor(tensor) for name, tensor in tensors.items()}, path)


def save_safetensors(path, tensors=TENSORS):
    pytest.importorskip("safetensors")
    from safetensors.numpy import save_file

    save_file(tensors, path)


SAVE = {
    ".npz": lambda path: np.savez(path, **TENSORS),
    ".safetensors": save_safetensors,
    ".pt": save_torch,
    ".pth": save_torch,
    ".pickle": save_torch,
}


@pytest.mark.parametrize("suffix", SAVE)
def test_every_format_is_read_to_float32(suffix, tmp_path):
    path = tmp_path / f"weights{suffix}"
    SAVE[suffix](path)
    tensors = tensor_files.read(path)
    assert tensors.keys() == TENSORS.keys()
    for name, tensor in tensors.items():
        assert tensor.dtype == np.float32
        np.testing.assert_array_equal(tensor, TENSORS[name])


def test_pytorchs_older_format(tmp_path):
    torch = pytest.importorskip("torch")
    path = tmp_path / "weights.pickle"
    values = {"a": torch.tensor([1.5, -2.0])}
    torch.save(values, path, _use_new_zipfile_serialization=False)
    np.testing.assert_array_equal(tensor_files.read(path)["a"], [1.5, -2])


def test_half_precision(tmp_path):
    torch = pytest.importorskip("torch")
    values = torch.tensor([1.5, -2.0])
    torch.save({"a": values.half(), "b": values.bfloat16()}, tmp_path / "weights.pt")
    for tensor in tensor_files.read(tmp_path / "weights.pt").values():
        np.testing.assert_array_equal(tensor, [1.5, -2])


@pytest.mark.parametrize("suffix", SAVE)
@pytest.mark.parametrize("kept", [0, 7, 0.5, 0.99])
def test_truncated_file_is_named(suffix, kept, tmp_path):
    path = tmp_path / f"weights{suffix}"
    SAVE[suffix](path)
    content = path.read_bytes()
    path.write_bytes(content[: kept if isinstance(kept, int) else int(kept * len(content))])
    with pytest.raises(UserError, match=f"weights{suffix} is damaged"):
        tensor_files.read(path)


def test_a_pickle_that_runs_code_is_not_loaded(tmp_path):
    pytest.importorskip("torch")

    class Harmful:
        def __reduce__(self):
            return exec, (f"open({str(tmp_path / 'harm')!r}, 'w')",)

    path = tmp_path / "weights.pt"
    path.write_bytes(pickle.dumps({"a": Harmful()}, protocol=2))
    with pytest.raises(UserError, match="more than a plain state dictionary"):
        tensor_files.read(path)
    assert not (tmp_path / "harm").exists()


def test_a_whole_model_or_a_training_checkpoint_is_no_state_dictionary(tmp_path):
    torch = pytest.importorskip("torch")
    path = tmp_path / "weights.pt"
    torch.save(torch.nn.Linear(2, 3), path)
    with pytest.raises(UserError, match="more than a plain state dictionary"):
        tensor_files.read(path)
    torch.save({"state_dict": torch.nn.Linear(2, 3).state_dict(), "epoch": 3}, path)
    with pytest.raises(UserError, match=r"a plain state dictionary \(state_dict, epoch\)"):
        tensor_files.read(path)
    torch.save([torch.zeros(2)], path)
    with pytest.raises(UserError, match="holds a list, must be a state dictionary"):
        tensor_files.read(path)


def test_a_pickled_array_is_not_loaded(tmp_path):
    np.savez(tmp_path / "weights.npz", a=np.array([{}], object))
    with pytest.raises(UserError, match=r"weights.npz is damaged"):
        tensor_files.read(tmp_path / "weights.npz")


def test_a_safetensors_header_that_lies_is_damage(tmp_path):
    pytest.importorskip("safetensors")
    path = tmp_path / "weights.safetensors"
    path.write_bytes(struct.pack("<Q", 2**40) + b"{}")
    with pytest.raises(UserError, match=r"weights.safetensors is damaged"):
        tensor_files.read(path)


def test_what_is_no_file_of_weights_is_named(tmp_path):
    with pytest.raises(UserError, match=r"weights.h5: the name must end in \.safetensors, \.npz"):
        tensor_files.read(tmp_path / "weights.h5")
    np.savez(tmp_path / "none.npz")
    with pytest.raises(UserError, match=r"none.npz holds no tensor"):
        tensor_files.read(tmp_path / "none.npz")
    np.savez(tmp_path / "nan.npz", a=np.float32([1, np.nan]))
    with pytest.raises(UserError, match=r"nan.npz is damaged: a has values that are not finite"):
        tensor_files.read(tmp_path / "nan.npz")
    np.savez(tmp_path / "text.npz", a=np.array(["x"]))
    with pytest.raises(UserError, match=r"text.npz: a is of type <U1, must be real numbers"):
        tensor_files.read(tmp_path / "text.npz")
    (tmp_path / "folder.pt").mkdir()
    with pytest.raises(UserError, match=r"folder.pt is a folder"):
        tensor_files.read(tmp_path / "folder.pt")


@pytest.mark.parametrize(
    "library, file, says",
    [
        ("torch", "weights.pt", "needs PyTorch"),
        (
            "safetensors",
            "weights.safetensors",
            r"needs safetensors: pip install 'jaxvid\[convert\]'",
        ),
    ],
)
def test_a_library_that_is_missing_is_named(library, file, says, tmp_path, monkeypatch):
    (tmp_path / file).write_bytes(b"")
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(UserError, match=f"{file}: reading it {says}"):
        tensor_files.read(tmp_path / file)


def test_parameters_are_tensors_too(tmp_path):
    torch = pytest.importorskip("torch")
    path = tmp_path / "weights.pt"
    torch.save(dict(torch.nn.Linear(2, 3).named_parameters()), path)
    saved = torch.load(path)
    assert saved["weight"].requires_grad
    found = tensor_files.read(path)
    np.testing.assert_array_equal(found["weight"], saved["weight"].detach().numpy())


@pytest.mark.parametrize(
    "make, says",
    [
        (lambda torch: torch.eye(2).to_sparse(), r"a is of layout torch\.sparse_coo"),
        (lambda torch: torch.eye(2, device="meta"), "a is on the device meta, without values"),
        (lambda torch: torch.eye(2, dtype=torch.complex64), r"a is of type torch\.complex64"),
        (
            lambda torch: torch.quantize_per_tensor(torch.eye(2), 0.1, 0, torch.qint8),
            r"a is quantised \(torch\.qint8\)",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore")  # PyTorch's of old kinds of tensors
def test_tensors_that_are_no_plain_numbers_are_named(make, says, tmp_path):
    torch = pytest.importorskip("torch")
    try:
        torch.save({"a": make(torch)}, tmp_path / "weights.pt")
    except (RuntimeError, NotImplementedError):
        pytest.skip("this PyTorch does not make such tensors")
    with pytest.raises(UserError, match=rf"weights\.pt: {says}"):
        tensor_files.read(tmp_path / "weights.pt")


def test_a_key_that_is_no_name_is_refused(tmp_path):
    torch = pytest.importorskip("torch")
    torch.save({3: torch.zeros(2), "a": torch.zeros(2)}, tmp_path / "weights.pt")
    with pytest.raises(UserError, match="has the key 3: keys must be names of tensors"):
        tensor_files.read(tmp_path / "weights.pt")


@pytest.mark.parametrize("array", [np.array([1j]), np.array([b"x"]), np.array(["2020"], "M8")])
def test_arrays_that_are_no_real_numbers_are_refused(array, tmp_path):
    np.savez(tmp_path / "weights.npz", a=array)
    with pytest.raises(UserError, match=r"weights\.npz: a is of type .*, must be real numbers"):
        tensor_files.read(tmp_path / "weights.npz")


def test_bfloat16_of_safetensors(tmp_path):
    pytest.importorskip("safetensors")
    path = tmp_path / "weights.safetensors"
    header = b'{"a":{"dtype":"BF16","shape":[1,2],"data_offsets":[0,4]}}'
    # The upper halves of the two numbers in float32.
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes.fromhex("c03f00c0"))
    np.testing.assert_array_equal(tensor_files.read(path)["a"], [[1.5, -2]])


def test_a_type_of_safetensors_that_is_not_read_is_named(tmp_path):
    pytest.importorskip("safetensors")
    path = tmp_path / "weights.safetensors"
    header = b'{"a":{"dtype":"C64","shape":[1],"data_offsets":[0,8]}}'
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(8))
    with pytest.raises(UserError, match="a is of type C64, which is not read: F16, F32"):
        tensor_files.read(path)
