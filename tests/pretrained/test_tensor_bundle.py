"""The reader of TensorFlow checkpoints, on files from a writer of the format made for this test."""

import struct
from pathlib import Path

import numpy as np
import pytest

from jaxvid.errors import UserError
from jaxvid.pretrained import tensor_bundle


def varint(number):
    out = b""
    while number > 127:
        out += bytes([number % 128 + 128])
        number //= 128
    return out + bytes([number])


def crc32c(content):
    """By a table, one byte at a time; the value that RFC 3720 gives is checked below."""
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte // 2 ^ (0x82F63B78 if byte % 2 else 0)
        table.append(byte)
    crc = 2**32 - 1
    for byte in content:
        crc = table[(crc ^ byte) % 256] ^ crc // 256
    return crc ^ 2**32 - 1


def message(**fields):
    """A protocol buffer of fields `f1`, `f2`, ...: integers as varints, bytes as such."""
    out = b""
    for name, value in fields.items():
        number = int(name[1:])
        if isinstance(value, bytes):
            out += varint(number * 8 + 2) + varint(len(value)) + value
        else:
            out += varint(number * 8) + varint(value)
    return out


def block(entries, interval=3):
    out, restarts, last = b"", [], b""
    for n, (key, value) in enumerate(entries):
        shared = 0
        if n % interval == 0:
            restarts.append(len(out))
        else:
            while shared < min(len(key), len(last)) and key[shared] == last[shared]:
                shared += 1
        out += varint(shared) + varint(len(key) - shared) + varint(len(value))
        out += key[shared:] + value
        last = key
    return out + struct.pack(f"<{len(restarts) + 1}I", *restarts, len(restarts))


class Writer:
    def __init__(self):
        self.content = b""

    def add(self, block):
        handle = varint(len(self.content)) + varint(len(block))
        crc = crc32c(block + b"\0")
        masked = (crc // 2**15 + crc * 2**17 + 0xA282EAD8) % 2**32
        self.content += block + b"\0" + struct.pack("<I", masked)
        return handle


def write(prefix, tensors, shards=1):
    """Writes the two files of a checkpoint, with four variables in each block of the index."""
    entries, data = [(b"", message(f1=shards, f3=message(f1=1)))], b""
    for name in sorted(tensors):
        tensor = tensors[name]
        dtype = {"float32": 1, "int64": 9}[tensor.dtype.name]
        shape = b"".join(message(f2=message(f1=size)) for size in tensor.shape)
        place = {"f3": 0, "f4": len(data), "f5": tensor.nbytes}
        crc = varint(6 * 8 + 5) + struct.pack("<I", 0)
        entries.append((name.encode(), message(f1=dtype, f2=shape, **place) + crc))
        data += tensor.tobytes()
    index, table = [], Writer()
    for start in range(0, len(entries), 4):
        part = entries[start : start + 4]
        index.append((part[-1][0] + b"\xff", table.add(block(part))))
    meta, handle = table.add(block([])), table.add(block(index))
    table.content += (meta + handle).ljust(40, b"\0") + struct.pack("<Q", 0xDB4775248B80FB57)
    prefix.with_name(f"{prefix.name}.index").write_bytes(table.content)
    prefix.with_name(f"{prefix.name}.data-00000-of-00001").write_bytes(data)


@pytest.fixture
def tensors():
    random = np.random.default_rng(0)
    names = [f"RGB/inception_i3d/Mixed_{n}/w" for n in range(9)] + ["RGB/inception_i3d/b"]
    shapes = [(n % 3 + 1, 2, 70)[: n % 4] for n in range(10)]
    return {
        name: random.standard_normal(shape).astype(np.float32)
        for name, shape in zip(names, shapes, strict=True)
    }


@pytest.fixture
def prefix(tensors, tmp_path) -> Path:
    prefix = tmp_path / "model.ckpt"
    write(prefix, tensors | {"global_step": np.array(7)})
    return prefix


def test_checksum_is_the_standards():
    assert crc32c(bytes(32)) == 0x8A9136AA  # RFC 3720, B.4


@pytest.mark.parametrize("suffix", ["", ".index", ".data-00000-of-00001"])
def test_every_tensor_is_read_by_any_of_the_names(suffix, prefix, tensors):
    found, others = tensor_bundle.read(prefix.with_name(prefix.name + suffix))
    assert found.keys() == tensors.keys()
    assert others == {"global_step": "int64"}
    for name, tensor in tensors.items():
        assert found[name].shape == tensor.shape
        np.testing.assert_array_equal(found[name], tensor)


def test_a_folder_stands_for_the_checkpoint_in_it(prefix, tensors):
    assert tensor_bundle.read(prefix.parent)[0].keys() == tensors.keys()
    write(prefix.with_name("other.ckpt"), tensors)
    with pytest.raises(UserError, match="holds 2 index files: name one of them"):
        tensor_bundle.read(prefix.parent)


def damaged(prefix, suffix, change):
    path = prefix.with_name(prefix.name + suffix)
    path.write_bytes(change(path.read_bytes()))


def test_a_cut_data_file_is_named(prefix):
    damaged(prefix, ".data-00000-of-00001", lambda content: content[:-9])
    with pytest.raises(UserError, match=r"data-00000-of-00001 is cut short: .* ends at byte"):
        tensor_bundle.read(prefix)


def test_a_missing_file_is_named(prefix):
    prefix.with_name("model.ckpt.data-00000-of-00001").unlink()
    with pytest.raises(UserError, match="data-00000-of-00001 does not exist"):
        tensor_bundle.read(prefix)
    prefix.with_name("model.ckpt.index").unlink()
    with pytest.raises(UserError, match=r"model.ckpt.index does not exist"):
        tensor_bundle.read(prefix)


def test_no_change_of_the_index_goes_unseen(prefix, tensors):
    path = prefix.with_name("model.ckpt.index")
    whole = path.read_bytes()
    for place in range(0, len(whole), 7):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 64]) + whole[place + 1 :])
        try:
            found, _ = tensor_bundle.read(prefix)
        except UserError as error:
            assert "model.ckpt.index is damaged" in str(error)
        else:  # what no reader needs: the meta index, padding
            assert all(np.array_equal(found[name], tensors[name]) for name in tensors)
    for length in (0, 10, 47, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(UserError, match=r"model\.ckpt\.index is damaged"):
            tensor_bundle.read(prefix)


def test_several_data_files_are_refused(tensors, tmp_path):
    write(tmp_path / "model.ckpt", tensors, shards=2)
    with pytest.raises(UserError, match="must have one data file, not 2"):
        tensor_bundle.read(tmp_path / "model.ckpt")


def test_values_that_are_not_finite_are_refused(tensors, tmp_path):
    tensors["x"] = np.float32([1, np.nan])
    write(tmp_path / "model.ckpt", tensors)
    with pytest.raises(UserError, match="x has values that are not finite"):
        tensor_bundle.read(tmp_path / "model.ckpt")


SCOPES = {
    "mixed_5b/branch_2": "Mixed_5b/Branch_2/Conv3d_0a_3x3",
    "mixed_4b/branch_2": "Mixed_4b/Branch_2/Conv3d_0b_3x3",
    "mixed_3c/branch_3": "Mixed_3c/Branch_3/Conv3d_0b_1x1",
    "mixed_3b/branch_0": "Mixed_3b/Branch_0/Conv3d_0a_1x1",
    "conv_1a": "Conv3d_1a_7x7",
}


def test_deepminds_checkpoint_into_i3d(make_config, start, tmp_path, published_i3d):
    """Written from the names that the PyTorch port gives the same layers."""
    tensors = published_i3d("Flow", channels=2)
    step = {"global_step": np.array(7)}
    write(tmp_path / "model.ckpt", tensors | step)
    fields = {"model__backbone": "i3d", "init__source": "i3d_tensorflow"}
    path = {"init__path": str(tmp_path / "model.ckpt")}
    ours = start(make_config(data__modality="flow", **fields, **path), 7)
    assert not ours.loaded.initial and ours.loaded.tensors.keys() == (tensors | step).keys()
    assert ours.loaded.tensors["global_step"] == "nowhere: of type int64"
    variables = ours.variables
    for name, scope in SCOPES.items():
        unit, stats = variables["params"]["backbone"], variables["batch_stats"]["backbone"]
        for part in name.split("/"):
            unit, stats = unit[part], stats[part]
        prefix = f"Flow/inception_i3d/{scope}"
        np.testing.assert_array_equal(unit["conv"]["kernel"], tensors[f"{prefix}/conv_3d/w"])
        for ours_, theirs in (
            (unit["norm"]["bias"], "beta"),
            (stats["norm"]["mean"], "moving_mean"),
            (stats["norm"]["var"], "moving_variance"),
        ):
            np.testing.assert_array_equal(ours_, tensors[f"{prefix}/batch_norm/{theirs}"])
    logits = tensors["Flow/inception_i3d/Logits/Conv3d_0c_1x1/conv_3d/w"]
    np.testing.assert_array_equal(variables["params"]["classifier"]["kernel"], logits[0, 0, 0])

    with pytest.raises(
        UserError, match=r"the flow modality: its first layer reads 2 channels; the"
    ):
        start(make_config(**fields, **path), 7)

    name = "Flow/inception_i3d/Mixed_4b/Branch_0/Conv3d_0a_1x1/batch_norm/beta"
    write(tmp_path / "model.ckpt", tensors | {name: tensors[name].astype(np.int64)})
    with pytest.raises(UserError, match=f"{name} is of type int64, must be float32"):
        start(make_config(data__modality="flow", **fields, **path), 7)
