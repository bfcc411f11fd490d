import re
from pathlib import Path

import pytest

from jaxvid import config as configs
from jaxvid.errors import UserError

CONFIGS = sorted(Path(__file__).parent.parent.glob("configs/*.py"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda p: p.stem)
@pytest.mark.parametrize("argument", ["", ":ucf101", ":ucf101,split=2,augment=false"])
def test_every_config_passes_the_checks(path, argument):
    config = configs.load(f"{path}{argument}")
    configs.check(config)
    assert config.name == path.stem
    assert config.is_locked


def test_arguments_set_the_variant():
    config = configs.load("li3d_bilstm:ucf101,split=2,augment=false")
    assert (config.data.dataset, config.data.split, config.data.augment) == ("ucf101", 2, False)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("li3d_bilstm:ucf102", "unknown dataset 'ucf102': one of embedded, ucf101"),
        ("li3d_bilstm:ucf101,split=x", "'split=x': split=NUMBER"),
        ("li3d_bilstm:ucf101,augment=maybe", "'augment=maybe': .* augment=true.false is wanted"),
        ("li3d_bilstm:ucf101,speed=3", "'speed=3': split=NUMBER"),
        ("li3d_blstm", "unknown config 'li3d_blstm'.*i3d_bilstm"),
        ("nowhere/x.py", "nowhere/x.py does not exist"),
    ],
)
def test_what_cannot_be_loaded_is_said(name, message):
    with pytest.raises(UserError, match=message):
        configs.load(name)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("data.dataset", "ucf", "one of embedded, ucf101"),
        ("train.epochs", 0.0, "more than 0"),
        ("model.dropout", 1.0, "from 0 to below 1"),
        ("data.num_frames", 4, "at least 8"),
        ("data.image_size", 31, "at least 32"),
        ("data.jpeg_quality", 101, "at most 100"),
        ("eval.views", 0, "at least 1"),
        ("train.schedule", "step", "step_epochs is empty"),
    ],
)
def test_values_without_meaning_are_refused(field, value, message):
    config = configs.default()
    config.update_from_flattened_dict({field: value})
    with pytest.raises(UserError, match=message):
        configs.check(config)


def test_a_saved_config_reads_back(tmp_path):
    config = configs.for_dataset("embedded")
    config.data.classes = ("Walk", "Kick")
    (tmp_path / "config.json").write_text(configs.to_json(config))
    assert configs.differences(configs.read(tmp_path / "config.json"), config) == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not JSON"),
        ('{"train": {"lr": 1}}', "unknown fields train.lr"),
        ("[]", "config.json"),
    ],
)
def test_a_spoilt_saved_config_is_said(tmp_path, text, message):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(UserError, match=message):
        configs.read(tmp_path / "config.json")


def test_differences_leave_out_what_may_change():
    old, new = configs.default(), configs.default()
    new.data.threads = 3
    new.eval.views = 10
    new.train.batch_size = 8
    assert configs.differences(old, new) == {"train.batch_size": (32, 8)}


def test_every_field_is_explained():
    source = Path(configs.__file__).read_text()
    body = source[source.index("def default") : source.index("def for_dataset")]
    fields = [line for line in body.splitlines() if re.match(r"    \w+\.\w+ = ", line)]
    assert len(fields) > 40
    plain = ("label_smoothing",)  # says all by its name
    unexplained = [f for f in fields if "#" not in f and not any(name in f for name in plain)]
    assert unexplained == []
