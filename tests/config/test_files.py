import pytest

from jaxvid import config as configs
from jaxvid.config import files as config_files
from jaxvid.errors import UserError


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("li3d_bilstm:ucf102", "unknown dataset 'ucf102': one of embedded, ucf101"),
        ("li3d_bilstm:ucf101,split=x", "'split=x': one of split=NUMBER"),
        ("li3d_bilstm:ucf101,augment=maybe", "'augment=maybe': .*augment=true.false, scale="),
        ("li3d_bilstm:ucf101,speed=3", "'speed=3': one of split=NUMBER"),
        ("sift:embedded,encoder=hog", "'encoder=hog': .*, encoder=vlad.fv.bof is wanted"),
        (
            "li3d:embedded,encoder=fv",
            "'encoder=fv': one of split=NUMBER, augment=true.false, scale=",
        ),
        ("li3d_blstm", "unknown config 'li3d_blstm'.*i3d_bilstm"),
        ("nowhere/x.py", "nowhere/x.py does not exist"),
    ],
)
def test_what_cannot_be_loaded_is_said(name, message):
    with pytest.raises(UserError, match=message):
        config_files.load(name)


def test_a_saved_config_reads_back(tmp_path):
    config = configs.for_dataset("embedded")
    config.data.classes = ("Walk", "Kick")
    (tmp_path / "config.json").write_text(config_files.to_json(config))
    assert config_files.differences(config_files.read(tmp_path / "config.json"), config) == {}


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
        config_files.read(tmp_path / "config.json")


def test_differences_leave_out_what_may_change():
    old, new = configs.default(), configs.default()
    new.data.threads = 3
    new.eval.views = 10
    new.train.profile_steps = "10:13"
    new.train.batch_size = 8
    assert config_files.differences(old, new) == {"train.batch_size": (32, 8)}
