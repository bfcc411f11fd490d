import re
from pathlib import Path

import pytest

from jaxvid import config as configs
from jaxvid import config_checks, config_files
from jaxvid.errors import UserError

CONFIGS = sorted(Path(__file__).parent.parent.glob("configs/*.py"))


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
    with pytest.raises(UserError, match=r"'scale=tiny': one of .*scale=paper\|small"):
        config_files.load("li3d_bilstm:csv,scale=tiny")


def test_a_config_file_has_options_of_its_own():
    config, chosen = configs.with_options("ucf101,colour=red,split=2", colour=("blue", "red"))
    assert (chosen, config.data.split) == ({"colour": "red"}, 2)
    assert configs.with_options("", colour=("blue", "red"))[1] == {"colour": "blue"}
    with pytest.raises(UserError, match=r"'colour=green': one of .*colour=blue\|red is wanted"):
        configs.with_options("ucf101,colour=green", colour=("blue", "red"))


def test_sift_lets_its_encoder_be_chosen():
    config = config_files.load("sift:ucf101,encoder=fv,split=2")
    assert (config.name, config.sift.encoder, config.data.split) == ("sift_fv", "fv", 2)


def test_every_field_is_explained():
    source = Path(configs.__file__).read_text()
    body = source[source.index("def default") : source.index("def for_dataset")]
    fields = [line for line in body.splitlines() if re.match(r"    \w+\.\w+ = ", line)]
    assert len(fields) > 40
    plain = ("label_smoothing",)  # says all by its name
    unexplained = [f for f in fields if "#" not in f and not any(name in f for name in plain)]
    assert unexplained == []
