"""Published weights in a module of one's own, without a config."""

import jax
import numpy as np
import pytest

from jaxvid import pretrained
from jaxvid.errors import UserError
from jaxvid.experiment.network import open_network
from jaxvid.workdir import checkpoints, layout


@pytest.fixture
def googlenet(published_googlenet, tmp_path):
    path = tmp_path / "googlenet.npz"
    np.savez(path, **published_googlenet())
    return path


def part(make_config, drawn, channels=3, classes=7, **fields):
    """A recogniser, its variables at random, and the config that it was built by."""
    modality = "rgb" if channels == 3 else "flow"
    config = make_config(data__modality=modality, data__flow__stack=channels // 2, **fields)
    network = open_network(config, classes)
    return network.model, drawn(network.shapes), network


def assert_equal(left, right):
    jax.tree.map(np.testing.assert_array_equal, left, right)


@pytest.mark.parametrize(
    "channels, fields",
    [
        (3, {"backbone": "inception2d"}),
        (3, {"backbone": "i3d"}),
        (3, {"backbone": "li3d", "kernel_order": "temporal_first", "factorised_stem": True}),
        (4, {"backbone": "i3d"}),
    ],
)
def test_a_module_is_filled_as_its_config_would(channels, fields, googlenet, make_config, drawn):
    fields = {f"model__{name}": value for name, value in fields.items()}
    source = {"init__source": "googlenet", "init__path": str(googlenet)}
    module, variables, network = part(make_config, drawn, channels, **fields, **source)
    expected = pretrained.fill(variables, pretrained.load_for(network.config, network.shapes))
    filled = pretrained.load("googlenet", googlenet, module, variables)
    assert_equal(filled, expected)
    # The same backbone by itself.
    bare = {name: tree["backbone"] for name, tree in variables.items()}
    found = pretrained.load("googlenet", str(googlenet), module.backbone, bare)
    assert_equal(found, {name: tree["backbone"] for name, tree in expected.items()})
    assert jax.tree.leaves(found)


def test_what_the_weights_lack_stays(googlenet, make_config, drawn, caplog):
    fields = {"model__backbone": "inception2d", "model__encoder": "lstm", "model__hidden": 8}
    module, variables, _ = part(make_config, drawn, classes=3, **fields)
    filled = pretrained.load("googlenet", googlenet, module, variables)
    for name in ("encoder", "classifier"):
        assert_equal(filled["params"][name], variables["params"][name])
    assert "config.model.padding=torch is torchvision's padding" in caplog.text


def test_weights_of_a_run(make_config, drawn, tmp_path):
    fields = {"model__backbone": "c3d", "model__width": 0.03125}
    module, variables, network = part(make_config, drawn, **fields)
    kept = jax.tree.map(lambda leaf: leaf + 1, variables)
    writer = checkpoints.Writer(tmp_path / "checkpoints", keep=1)
    writer.save(1, {"variables": kept})
    writer.close()
    layout.found(tmp_path, network.config, tuple("abcdefg"))
    assert_equal(pretrained.load("workdir", tmp_path, module, variables), kept)


@pytest.mark.parametrize(
    "source, fields, says",
    [
        ("imagenet", {"backbone": "inception2d"}, "unknown source 'imagenet' of weights: one of"),
        ("googlenet", {"backbone": "c3d"}, r"has weights for inception2d.*, not for .*=c3d"),
        ("googlenet", {"backbone": "inception2d", "width": 0.25}, r"googlenet\.npz: .* makes"),
        ("i3d_pytorch", {"backbone": "i3d"}, r"googlenet\.npz has no tensor Conv3d_1a_7x7"),
    ],
)
def test_a_source_that_does_not_fit_is_one_error(
    source, fields, says, googlenet, make_config, drawn
):
    fields = {f"model__{name}": value for name, value in fields.items()}
    module, variables, _ = part(make_config, drawn, **fields)
    with pytest.raises(UserError, match=says):
        pretrained.load(source, googlenet, module, variables)


def test_a_file_that_does_not_exist(make_config, drawn):
    module, variables, _ = part(make_config, drawn, model__backbone="inception2d")
    with pytest.raises(UserError, match=r"none\.npz does not exist"):
        pretrained.load("googlenet", "none.npz", module, variables)
