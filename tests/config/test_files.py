import pytest

from jaxvid import config as configs
from jaxvid.config import files as config_files
from jaxvid.errors import UserError


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "li3d_bilstm:ucf102",
            r"unknown dataset 'ucf102' \(did you mean ucf101\?\): must be one of embedded, ",
        ),
        ("li3d_bilstm:ucf101,split=x", "'split=x': must be one of split=NUMBER"),
        ("li3d_bilstm:ucf101,augment=maybe", "'augment=maybe': .*augment=true.false, scale="),
        ("li3d_bilstm:ucf101,speed=3", "'speed=3': must be one of split=NUMBER"),
        ("sift:embedded,encoder=hog", "'encoder=hog': .*, encoder=vlad.fv.bof"),
        (
            "li3d:embedded,encoder=fv",
            "'encoder=fv': must be one of split=NUMBER, augment=true.false, scale=",
        ),
        (
            "li3d_blstm",
            r"unknown config 'li3d_blstm' \(did you mean li3d_bilstm\?\): must be one of ",
        ),
        ("nowhere/li3d.py", "does not exist; did you mean --config=li3d[?]"),
        ("nowhere/x.py", "nowhere/x.py does not exist"),
    ],
)
def test_invalid_names_and_arguments_are_explained(name, message):
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
def test_a_damaged_saved_config_is_reported(tmp_path, text, message):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(UserError, match=message):
        config_files.read(tmp_path / "config.json")


def test_configs_are_found_in_a_checkout_and_in_the_wheel(tmp_path, monkeypatch):
    assert {"li3d_bilstm", "st_gcn"} <= {*config_files.names()}
    monkeypatch.chdir(tmp_path)
    assert config_files.load("li3d_bilstm").name == "li3d_bilstm"
    (tmp_path / "jaxvid" / "configs").mkdir(parents=True)
    (tmp_path / "jaxvid" / "configs" / "only.py").write_text("")
    (tmp_path / "configs").mkdir()  # of another package
    monkeypatch.setattr(config_files, "__file__", str(tmp_path / "jaxvid" / "config" / "files.py"))
    assert config_files.names() == ["only"]


def test_differences_leave_out_what_may_change():
    old, new = configs.default(), configs.default()
    new.data.threads = 3
    new.eval.views = 10
    new.train.profile_steps = "10:13"
    new.train.batch_size = 8
    assert config_files.differences(old, new) == {"train.batch_size": (32, 8)}
