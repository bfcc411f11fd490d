"""What of a file goes where, what stays as it was and why, and what is refused."""

import importlib

import jax
import numpy as np
import pytest

from jaxvid import pretrained
from jaxvid.config.names import SOURCES
from jaxvid.errors import UserError
from jaxvid.experiment.network import open_network
from jaxvid.pretrained.torch_layers import mean_kernel

VGG = {"model__backbone": "vgg16", "model__image_norm": "imagenet", "init__source": "vgg16"}
FUSION = {
    "model__backbone": "conv_fusion",
    "model__image_norm": "imagenet",
    "data__modality": "rgb+flow",
    "data__flow__stack": 4,
    "init__source": "vgg16",
}


@pytest.fixture
def vgg16(published_vgg16, tmp_path):
    """Writes a VGG-16 for frames of 64, with what a test changes in it."""

    def write(**changes):
        tensors = {**published_vgg16(64), **changes}
        path = tmp_path / "vgg16.npz"
        np.savez(path, **{name: t for name, t in tensors.items() if t is not None})
        return {"init__path": str(path), "data__image_size": 64}

    return write


def explained(loaded, network):
    names = {"/".join(key.key for key in path) for path, _ in leaves(network.shapes)}
    assert names == loaded.values.keys() | loaded.initial.keys()
    assert not loaded.values.keys() & loaded.initial.keys()


def leaves(tree):
    return jax.tree_util.tree_flatten_with_path(tree)[0]


@pytest.mark.parametrize("stem", ["random", "mean"])
def test_vgg16_in_both_towers_of_deep_fusion(stem, vgg16, published_vgg16, make_config, start):
    config = make_config(
        **FUSION,
        **vgg16(),
        model__system="deep_fusion",
        model__encoder="ln_lstm",
        model__pooling="last",
        model__hidden=8,
        model__fuse_fc=True,
        init__flow_stem=stem,
    )
    ours = start(config, 7)
    explained(ours.loaded, ours.network)
    tensors = published_vgg16(64)
    towers = ours.variables["params"]["backbone"]
    for tower in ("spatial", "temporal"):
        for name, place in (("conv1_2", 2), ("conv5_3", 28)):
            kernel = tensors[f"features.{place}.weight"]
            ours_ = towers[tower][name]["conv"]
            np.testing.assert_array_equal(ours_["kernel"][0].transpose(3, 2, 0, 1), kernel)
            np.testing.assert_array_equal(ours_["bias"], tensors[f"features.{place}.bias"])
    first = tensors["features.0.weight"].transpose(2, 3, 1, 0)[None]
    np.testing.assert_array_equal(towers["spatial"]["conv1_1"]["conv"]["kernel"], first)
    if stem == "mean":
        expected = np.repeat(first.mean(axis=3, keepdims=True), 8, axis=3)
        found = towers["temporal"]["conv1_1"]["conv"]["kernel"]
        np.testing.assert_allclose(found, expected, rtol=1e-6)
    else:
        for part in ("kernel", "bias"):
            reason = ours.loaded.initial[f"params/backbone/temporal/conv1_1/conv/{part}"]
            assert "config.init.flow_stem=random" in reason
    maps = np.random.default_rng(1).standard_normal((2, 2, 64))  # what FC6 reads: H, W, C
    fc6 = towers["spatial_fc6"]
    np.testing.assert_allclose(
        maps.reshape(-1) @ fc6["kernel"],
        tensors["classifier.0.weight"] @ maps.transpose(2, 0, 1).reshape(-1),
        rtol=1e-3,
    )
    initial = {name.split("/")[1:3][-1] for name in ours.loaded.initial if "params" in name}
    assert {"fusion", "fc6", "fc_fusion", "lstm_conv"} & initial == {"fusion", "fc6", "fc_fusion"}
    assert any(name.startswith("params/lstm_conv/") for name in ours.loaded.initial)
    assert "nowhere" in ours.loaded.tensors["classifier.3.weight"]
    assert not ours.loaded.notes


def test_vgg16_in_a_two_stream_lstm(vgg16, published_vgg16, make_config, start):
    parts = {"model__system": "deep_fusion", "model__encoder": "lstm", "model__pooling": "last"}
    ours = start(make_config(**{**VGG, **vgg16(), **parts, "model__hidden": 8}), 7)
    explained(ours.loaded, ours.network)
    tensors, fc6 = published_vgg16(64), ours.variables["params"]["backbone"]["fc6"]
    maps = np.random.default_rng(1).standard_normal((2, 2, 64))  # what FC6 reads: H, W, C
    theirs = tensors["classifier.0.weight"] @ maps.transpose(2, 0, 1).reshape(-1)
    np.testing.assert_allclose(maps.reshape(-1) @ fc6["kernel"], theirs, rtol=1e-3)
    assert "nowhere" in ours.loaded.tensors["classifier.3.weight"]
    assert any(name.startswith("params/lstm_conv/") for name in ours.loaded.initial)


def test_vgg16_in_conv_fusion_and_two_streams(vgg16, make_config, start):
    fusion = start(make_config(**FUSION, **vgg16()), 7)
    explained(fusion.loaded, fusion.network)
    assert "nowhere" in fusion.loaded.tensors["classifier.0.weight"]
    two = {"model__backbone": "two_stream", "data__modality": "rgb+flow", "init__source": "vgg16"}
    parts = {"model__rgb_backbone": "vgg16", "model__flow_backbone": "vgg16"}
    ours = start(make_config(**two, **parts, **vgg16()), 7)
    explained(ours.loaded, ours.network)
    assert ours.loaded.tensors["features.2.bias"] == (
        "params/backbone/rgb/conv1_2/conv/bias, params/backbone/flow/conv1_2/conv/bias"
    )
    assert any("config.model.image_norm=imagenet" in note for note in ours.loaded.notes)


@pytest.mark.parametrize(
    "classes, fields, reason",
    [
        (9, {}, "another number of classes: 7 in the file, 9 here"),
        (7, {"model__encoder": "bilstm"}, "reads the backbone's features and nothing else"),
        (7, {"data__image_size": 96}, "FC7 of a frame's VGG-16"),
        (7, {"model__fully_connected": False}, "FC7 of a frame's VGG-16"),
    ],
)
def test_a_classifier_that_does_not_fit_stays_and_says_why(
    classes, fields, reason, vgg16, make_config, start
):
    config = make_config(**{**VGG, **vgg16(), "model__fully_connected": True, **fields})
    ours = start(config, classes)
    explained(ours.loaded, ours.network)
    for part in ("kernel", "bias"):
        assert reason in ours.loaded.initial[f"params/classifier/{part}"]
    assert "nowhere" in ours.loaded.tensors["classifier.6.weight"]
    assert reason in pretrained.describe(ours.loaded, config)


@pytest.mark.parametrize(
    "changes, says",
    [
        ({"features.5.bias": None}, r"vgg16\.npz has no tensor features\.5\.bias"),
        (
            {"features.5.weight": np.zeros((16, 8, 5, 5))},
            r"vgg16\.npz: features\.5\.weight \(16, 8, 5, 5\) makes \(1, 5, 5, 8, 16\) for "
            r"params/backbone/conv2_1/conv/kernel, which is \(1, 3, 3, 8, 16\)",
        ),
        (
            {"features.5.weight": np.zeros((16, 8))},
            r"features\.5\.weight is \(16, 8\), must have 4 axes",
        ),
        ({"features.30.weight": np.zeros(3)}, r"no place for: features\.30\.weight"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(changes, says, vgg16, make_config, start):
    with pytest.raises(UserError, match=says):
        start(make_config(**VGG, **vgg16(**changes)), 7)


def test_another_width_is_refused_with_a_hint(vgg16, make_config, start):
    with pytest.raises(UserError, match=r"published weights have config\.model\.width=1\.0"):
        start(make_config(**{**VGG, **vgg16(), "model__width": 0.25}), 7)


@pytest.mark.parametrize(
    "fields, says",
    [
        ({"model__backbone": "c3d"}, "has weights for vgg16, conv_fusion, two_stream, not for"),
        (
            {"model__backbone": "two_stream", "model__rgb_backbone": "vgg16"},
            r"not for config\.model\.flow_backbone=i3d",
        ),
        ({"init__path": "nothing.pt"}, r"config\.init\.path=nothing\.pt does not exist"),
        ({"init__flow_path": "x"}, r"config\.init\.flow_path is for the I3D of a two_stream"),
        ({"model__system": "sift"}, "the system sift has no such weights"),
    ],
)
def test_a_source_that_cannot_fill_the_model_is_refused_early(fields, says, vgg16, make_config):
    with pytest.raises(UserError, match=says):
        pretrained.check(make_config(**{**VGG, **vgg16(), **fields}))


def test_c3d_reads_pictures_alone(make_config, start, tmp_path):
    np.savez(tmp_path / "c3d.npz", a=np.zeros(1))
    config = make_config(
        model__backbone="c3d",
        data__modality="flow",
        init__source="c3d",
        init__path=str(tmp_path / "c3d.npz"),
    )
    with pytest.raises(UserError, match=r"reads RGB: config\.data\.modality=flow must be rgb"):
        start(config, 7)


def test_a_first_layer_for_other_channels_reads_each_with_the_mean_kernel():
    kernel = np.random.default_rng(0).standard_normal((1, 7, 7, 3, 4))
    found = mean_kernel(kernel, 2)
    assert found.shape == (1, 7, 7, 2, 4)
    np.testing.assert_allclose(found[..., 0, :], kernel.mean(axis=3))
    np.testing.assert_array_equal(found[..., 0, :], found[..., 1, :])


def test_each_source_that_a_config_can_name_is_a_module_with_read():
    assert tuple(pretrained.SOURCES) == SOURCES
    for name in SOURCES:
        assert callable(importlib.import_module(f"jaxvid.pretrained.{name}").read)


def test_a_variable_that_a_source_forgot_is_an_error(vgg16, make_config, monkeypatch):
    from jaxvid.pretrained.transfer import Transfer

    monkeypatch.setattr(Transfer, "keep_rest", lambda *_: None)
    config = make_config(**VGG, **vgg16(), model__encoder="bilstm")
    with pytest.raises(UserError, match="unexplained: params/encoder/"):
        pretrained.load_for(config, open_network(config, 7).shapes)


STEM = "Conv3d_1a_7x7.bn"


@pytest.mark.parametrize(
    "name, tensor, says",
    [
        (
            "logits.conv3d.weight",
            np.zeros((7, 128, 1, 7, 7)),
            r"logits\.conv3d\.weight is \(7, 128, 1, 7, 7\), must be \(N, E, 1, \.\.\.\)",
        ),
        (
            "logits.conv3d.weight",
            np.zeros(7),
            r"conv3d\.weight is \(7,\), must be \(N, E, 1",
        ),
        ("logits.conv3d.bias", np.zeros(8), r"conv3d\.bias is \(8,\), must be \(7,\)"),
        (f"{STEM}.weight", np.zeros(5), r"1a_7x7\.bn\.weight is \(5,\), must be \(8,\)"),
        (f"{STEM}.running_mean", np.zeros(9), r"bn\.running_mean is \(9,\), must be \(8,\)"),
        (f"{STEM}.running_var", np.full(8, -0.5), r"bn\.running_var has -0\.5: no variance"),
    ],
)
def test_a_tensor_of_i3d_that_is_not_what_its_name_says(
    name, tensor, says, published_port, make_config, start, tmp_path
):
    path = tmp_path / "i3d.npz"
    np.savez(path, **{**published_port(rank=None), name: tensor})
    config = make_config(model__backbone="i3d", init__source="i3d_pytorch", init__path=str(path))
    with pytest.raises(UserError, match=rf"i3d\.npz: .*{says}"):
        pretrained.load_for(config, open_network(config, 7).shapes)
