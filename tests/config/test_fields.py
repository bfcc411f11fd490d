from pathlib import Path

import pytest

from jaxvid import config as configs
from jaxvid.config import checks as config_checks
from jaxvid.config import files as config_files
from jaxvid.errors import UserError
from jaxvid.training.schedule import learning_rate

CONFIGS = sorted(Path(__file__).parents[2].glob("configs/*.py"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda p: p.stem)
@pytest.mark.parametrize(
    "argument", ["", ":ucf101", ":ucf101,split=2,augment=false", ":folder,scale=small"]
)
def test_every_config_passes_the_checks(path, argument):
    config = config_files.load(f"{path}{argument}")
    config_checks.check(config)
    assert config.name.startswith(path.stem)
    assert config.data.split == 2 or "split" not in argument
    assert config.is_locked


def test_arguments_set_the_variant():
    config = config_files.load("li3d_bilstm:ucf101,split=2,augment=false")
    assert (config.data.dataset, config.data.split, config.data.augment) == ("ucf101", 2, False)


def test_any_dataset_can_be_small():
    small = config_files.load("li3d_bilstm:csv,scale=small")
    embedded = config_files.load("li3d_bilstm")
    assert configs.is_small(small)
    changed = {f for f, v in configs.flatten(small).items() if v != configs.flatten(embedded)[f]}
    assert changed == {"data.dataset"}
    assert not configs.is_small(config_files.load("li3d_bilstm:csv"))
    assert not configs.is_small(config_files.load("li3d_bilstm:embedded,scale=paper"))
    with pytest.raises(UserError, match=r"'scale=tiny': must be one of .*scale=paper\|small"):
        config_files.load("li3d_bilstm:csv,scale=tiny")


def test_a_config_file_has_options_of_its_own():
    config, chosen = configs.with_options("ucf101,colour=red,split=2", colour=("blue", "red"))
    assert (chosen, config.data.split) == ({"colour": "red"}, 2)
    assert configs.with_options("", colour=("blue", "red"))[1] == {"colour": "blue"}
    with pytest.raises(UserError, match=r"'colour=green': must be one of .*colour=blue\|red"):
        configs.with_options("ucf101,colour=green", colour=("blue", "red"))


def test_a_modality_is_chosen_by_its_present_and_its_former_option():
    for option in ("modality=flow", "stream=flow"):
        config = config_files.load(f"vgg16:embedded,{option}")
        assert (config.name, config.data.modality) == ("vgg16_flow", "flow")
    assert config_files.load("vgg16").name == "vgg16_rgb"


def test_sift_lets_its_encoder_be_chosen():
    config = config_files.load("sift:ucf101,encoder=fv,split=2")
    assert (config.name, config.sift.encoder, config.data.split) == ("sift_fv", "fv", 2)


def test_every_field_is_explained():
    meanings = configs.meanings()
    assert meanings.keys() == configs.flatten(configs.default()).keys()
    assert all(meanings.values())
    assert meanings["eval.views"].startswith("clips per video")
    assert meanings["model.backbone"].endswith("two_stream, conv_fusion; of skeletons: st_gcn")


def test_pretrained_weights_bring_the_recipe_for_fine_tuning():
    for dataset in ("ucf101", "hmdb51"):
        config = config_files.load(f"li3d_bilstm:{dataset},init=i3d_pytorch,split=1")
        assert (config.init.source, config.data.split) == ("i3d_pytorch", 1)
        train = config.train
        assert (train.optimizer, train.momentum, train.weight_decay) == ("sgd", 0.9, 7e-7)
        assert (train.epochs, config.data.num_frames) == (40.0, 64)
        rate = learning_rate(train, 400, 10.0)
        assert [float(rate(step)) for step in (0, 399)] == pytest.approx([8e-4, 5e-5])
    # The papers' own protocols stay.
    assert config_files.load("vgg16:ucf101,init=workdir").train.learning_rate == 1e-5
    with pytest.raises(UserError, match=r"'init=nothing': must be one of .*init=.*workdir"):
        config_files.load("i3d:ucf101,init=nothing")
