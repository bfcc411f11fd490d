import errno

import numpy as np
import pytest

from jaxvid.errors import UserError
from jaxvid.inference import feature_files


def test_features_of_another_folder_are_not_overwritten(tmp_path):
    there = tmp_path / "out" / "1.avi.npz"
    there.parent.mkdir()
    source = {"video": str(tmp_path / "la" / "1.avi"), "video_state": "state"}
    assert not feature_files.is_whole(there, source, "model")
    np.savez(there, made_by="model", **source)
    assert feature_files.is_whole(there, source, "model")
    (tmp_path / "link").symlink_to(tmp_path / "la")  # another name of the same video
    linked = source | {"video": str(tmp_path / "link" / "1.avi")}
    (tmp_path / "la").mkdir()
    assert feature_files.is_whole(there, linked, "model")
    other = source | {"video": str(tmp_path / "lb" / "1.avi")}
    with pytest.raises(UserError, match=r"of .*/la/1\.avi, .* of .*/lb/1\.avi: choose another"):
        feature_files.is_whole(there, other, "model")
    assert not feature_files.is_whole(there, other, "another model")


def test_rows_are_saved_as_numpy_would(tmp_path):
    rng = np.random.default_rng(0)
    rows = feature_files.Rows(tmp_path / "x.npz")
    shapes = {"times": (2,), "embedding": (3,), "sequence": (4, 5), "logits": (6,)}
    added = [{name: rng.normal(size=s) for name, s in shapes.items()} for _ in range(3)]
    for row in added:
        rows.append(row)
    rows.save({"fps": 25.0})
    assert [path.name for path in tmp_path.iterdir()] == ["x.npz"]
    with np.load(tmp_path / "x.npz") as there:
        assert there["fps"] == 25.0
        for name in shapes:
            np.testing.assert_allclose(there[name], [row[name] for row in added], rtol=1e-6)
    with pytest.raises(UserError, match=r"holds no features\.json"):
        feature_files.find(tmp_path)


def test_a_full_disk_names_the_file(tmp_path, monkeypatch):
    rows = feature_files.Rows(tmp_path / "x.npz")

    class Full:
        def write(self, data):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setitem(rows._parts, "embedding", Full())
    with pytest.raises(OSError) as raised:
        rows.append({name: np.zeros(2) for name in feature_files.ROWS})
    assert raised.value.filename == str(tmp_path / "x.npz")


def test_files_that_are_no_features_are_named(tmp_path):
    path = tmp_path / "x.npz"
    whole = {"made_by": "model", "video": "x", "embedding": np.ones((2, 3), np.float32)}
    np.savez(path, **whole)
    video, embedding = feature_files.read(path, "model")
    assert (video, embedding.tolist()) == ("x", [[1.0] * 3] * 2)
    with pytest.raises(UserError, match=r"x\.npz is of another model"):
        feature_files.read(path, "another")
    content = path.read_bytes()
    for damaged in (b"", b"PK damaged", content[:-30], content.replace(b"\0\0\x80?", b"\0\0\1?")):
        path.write_bytes(damaged)
        with pytest.raises(UserError, match=r"x\.npz is damaged, or no file of features"):
            feature_files.read(path, "model")
    np.savez(path, clips=np.ones(3))
    with pytest.raises(UserError, match=r"x\.npz is damaged, or no file of features"):
        feature_files.read(path, "model")
    np.save(tmp_path / "x.npy", np.ones(3))
    (tmp_path / "x.npy").rename(path)
    with pytest.raises(UserError, match=r"x\.npz is damaged, or no file of features"):
        feature_files.read(path, "model")
    np.savez(path, **{**whole, "embedding": np.ones(3)})
    with pytest.raises(UserError, match=r"x\.npz: its embedding"):
        feature_files.read(path, "model")


@pytest.mark.parametrize("text", ["{}", "[]", "{", '{"made_by": "m", "fields": {}}'])
def test_a_damaged_features_json_is_named(tmp_path, text):
    (tmp_path / "features.json").write_text(text)
    with pytest.raises(UserError, match=r"features\.json is missing or damaged"):
        feature_files.about(tmp_path)
