"""Workdirs of published weights, and runs that start from them, from the command line."""

import json
import re

import numpy as np
import pytest
from flax.traverse_util import flatten_dict

from jaxvid import main as command
from jaxvid.data import loading
from jaxvid.errors import UserError
from jaxvid.experiment import experiment as experiments
from jaxvid.experiment.conversion import read_classes
from jaxvid.experiment.network import open_network
from jaxvid.experiment.restore import restore
from jaxvid.training.trainer import Trainer
from jaxvid.workdir.metrics_log import read_metrics

pytestmark = pytest.mark.usefixtures("one_device")
VGG = {"model.backbone": "vgg16", "model.encoder": "none", "model.image_norm": "imagenet"}
WHOLE = {**VGG, "model.fully_connected": True}


@pytest.fixture
def weights(published_vgg16, tmp_path):
    path = tmp_path / "vgg16.npz"
    np.savez(path, **published_vgg16(32, classes=2))
    return path


@pytest.fixture
def classes(tmp_path):
    path = tmp_path / "classes.txt"
    path.write_text("SitDown\nStandUp\n\n")
    return path


@pytest.fixture
def run(tiny_file, weights, classes):
    """Runs --mode=convert on a folder, with other fields and flags than the usual ones."""

    def convert(folder, fields=WHOLE, classes=classes, weights=weights):
        given = {**fields, "init.source": "vgg16", "init.path": weights}
        return command.main(
            [
                "jaxvid",
                "--mode=convert",
                f"--config={tiny_file}",
                f"--workdir={folder}",
                *([f"--class_names={classes}"] if classes else []),
                *(f"--config.{field}={value}" for field, value in given.items()),
            ]
        )

    return convert


def test_a_converted_workdir_predicts_and_is_evaluated(
    run, weights, published_vgg16, dataset_root, tmp_path, capsys
):
    folder = tmp_path / "runs" / "vgg16"
    assert run(folder) == 0
    assert "32 of 32 variables" in capsys.readouterr().out
    assert {path.name for path in folder.iterdir()} == {
        "checkpoints",
        "config.json",
        "dataset.json",
        "init.json",
        "split.csv",
    }
    assert [path.name for path in folder.parent.iterdir() if path.is_dir()] == ["vgg16"]
    account = json.loads((folder / "init.json").read_text())
    assert account["source"] == "vgg16" and account["path"] == str(weights)
    assert account["tensors"].keys() == published_vgg16(32).keys() and not account["initial"]

    videos = sorted((dataset_root / "UCF-101" / "StandUp").glob("*.avi"))[:2]
    output = tmp_path / "labels.json"
    arguments = ["jaxvid", "--mode=predict", f"--workdir={folder}", f"--output={output}"]
    weights.unlink()  # needed no more
    assert command.main([*arguments, *map(str, videos)]) == 0
    labelled = json.loads(output.read_text())
    assert [item["video"] for item in labelled] == [str(video) for video in videos]
    assert labelled[0]["probabilities"].keys() == {"SitDown", "StandUp"}

    assert command.main(["jaxvid", "--mode=eval", f"--workdir={folder}"]) == 0
    (results,) = (folder / "evaluations").glob("*/results.json")
    assert json.loads(results.read_text())["num_clips"] == 4

    capsys.readouterr()
    assert run(folder) == 2
    assert f"{folder} exists already; choose another --workdir" in capsys.readouterr().err


def test_the_checkpoint_holds_what_the_file_held(run, published_vgg16, classes, tmp_path, tiny):
    assert run(tmp_path / "run") == 0
    tiny.update_from_flattened_dict(WHOLE)
    step, variables = restore(open_network(tiny, 2), tmp_path / "run")
    assert step == 0
    kernel = published_vgg16(32, classes=2)["classifier.6.weight"].T
    np.testing.assert_array_equal(variables["params"]["classifier"]["kernel"], kernel)


@pytest.mark.parametrize(
    "text, says",
    [
        (
            "a\nb\nc\n",
            r"2 variables .* \(another number of classes: 2 in the file, 3 here\)",
        ),
        ("\n", "holds no name"),
        (b"\xff\xfe\xff", "is not a text file in UTF-8"),
    ],
)
def test_classes_that_do_not_fit_are_refused(text, says, run, classes, tmp_path, capsys):
    classes.write_bytes(text if isinstance(text, bytes) else text.encode())
    assert run(tmp_path / "run") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert re.search(says, line)
    assert not (tmp_path / "run").exists()


def test_names_that_come_again_are_numbered(classes, caplog):
    classes.write_text("crane\nmaillot\ncrane (2)\nmaillot\ncrane\ncrane\n")
    found = read_classes(classes)
    assert found == ("crane", "maillot", "crane (2)", "maillot (2)", "crane (3)", "crane (4)")
    assert "which are now maillot (2), crane (3), crane (4): each class must" in caplog.text


def test_a_byte_order_mark_is_no_part_of_a_name(classes, caplog):
    classes.write_bytes(b"\xef\xbb\xbftench\r\ngoldfish\r\n")
    assert read_classes(classes) == ("tench", "goldfish")
    assert not caplog.text


@pytest.mark.parametrize(
    "text",
    [
        "1 abseiling\n2 air drumming\n3 zumba\n",
        "0 abseiling\n1 air drumming\n2 zumba\n",
        "abseiling\t0\nair drumming\t1\nzumba\t2\n",
        "2,zumba\n0,abseiling\n1,air drumming\n",
        "zumba 3\nabseiling 1\nair drumming 2",
        "0: abseiling\n1: air drumming\n\n2: zumba",
    ],
)
def test_numbers_beside_names_are_their_order(classes, text, caplog):
    classes.write_text(text)
    assert read_classes(classes) == ("abseiling", "air drumming", "zumba")
    assert not caplog.text


@pytest.mark.parametrize(
    "names",
    [
        ("100 metres", "200 metres", "hurdles"),
        ("100 metres", "200 metres"),
        ("Action1", "Action2"),
        ("action 1", "action 2"),
        ("1 step", "walk"),
        ("none", "gesture 1", "gesture 2", "gesture 3"),
        ("goldfish, Carassius auratus", "n01440764 tench, Tinca tinca"),
    ],
)
def test_numbers_may_be_part_of_names(classes, names):
    classes.write_text("\n".join(names))
    assert read_classes(classes) == names


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("1 a\n2 b\n\n4 d\n", "line 4: '4 d'"),
        ("1 a\n2 b\n2 c\n", "line 3: '2 c'"),
        ("id,name\n0,a\n1,b\n", "line 1: 'id,name'"),
        ("a\t0\nb\n", r"line 1: 'a\\t0'"),
        ("a\t0\nb\t7\n", r"line 1: 'a\\t0'"),
        ("a\tsport\nb\tsport\n", "line 1"),
    ],
)
def test_lines_that_are_no_names_are_refused(classes, text, line):
    classes.write_text(text)
    with pytest.raises(UserError, match=f"{line}.* must be a name alone, or every line a name and"):
        read_classes(classes)


def test_what_convert_needs_is_said(run, tiny_file, tmp_path, capsys):
    for says, arguments in (
        ("needs --class_names=FILE", {"classes": None}),
        ("none.txt: No such file", {"classes": tmp_path / "none.txt"}),
        (f"--class_names={tmp_path}: Is a directory", {"classes": tmp_path}),
        ("none.npz does not exist", {"weights": tmp_path / "none.npz"}),
        (
            "the published network has no such part (config.model.encoder=lstm)",
            {"fields": {**WHOLE, "model.encoder": "lstm"}},
        ),
    ):
        assert run(tmp_path / "run", **arguments) == 2
        assert says in capsys.readouterr().err
    bare = ["jaxvid", f"--config={tiny_file}", f"--workdir={tmp_path / 'run'}"]
    assert command.main([*bare, "--mode=convert", "--class_names=x"]) == 2
    assert "needs config.init.source and config.init.path" in capsys.readouterr().err
    assert command.main([*bare, "--class_names=x"]) == 2
    assert "--class_names is a flag of convert" in capsys.readouterr().err
    assert command.main([*bare, "--config.init.source=vgg16"]) == 2
    assert "set both or neither" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_run_starts_from_weights_and_continues_without_them(
    weights, published_vgg16, tiny, tmp_path
):
    tiny.update_from_flattened_dict({**VGG, "train.epochs": 2.0})
    tiny.init.source, tiny.init.path = "vgg16", str(weights)

    shown = []

    def trainer(folder):
        return Trainer(experiments.open_experiment(tiny), tmp_path / folder, shown.append)

    started = flatten_dict(trainer("run").start().params, sep="/")
    kernel = published_vgg16(32)["features.28.weight"].transpose(2, 3, 1, 0)[None]
    np.testing.assert_array_equal(started["backbone/conv5_3/conv/kernel"], kernel)
    tiny.init.source = ""
    random = flatten_dict(trainer("other").start().params, sep="/")
    tiny.init.source = "vgg16"
    account = json.loads((tmp_path / "run" / "init.json").read_text())
    for name in started:  # what is not in the file starts as without it
        same = np.array_equal(started[name], random[name])
        assert same == (f"params/{name}" in account["initial"])
    assert "the published one reads FC7" in shown[0]

    assert trainer("run").run(lambda: bool(read_metrics(tmp_path / "run"))) is None
    weights.unlink()
    assert trainer("run").run().step == 3
    with pytest.raises(UserError, match=r"config\.init\.path=.*vgg16\.npz does not exist"):
        trainer("new").run()


def test_weights_that_do_not_fit_are_refused_before_anything_is_decoded(
    weights, tiny, tiny_file, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(loading, "open_records", lambda *_: pytest.fail("decodes"))
    arguments = [f"--config.{field}={value}" for field, value in VGG.items()]
    arguments += ["--config.model.width=0.25", "--config.init.source=vgg16"]
    arguments += [f"--config.init.path={weights}", f"--workdir={tmp_path / 'run'}"]
    assert command.main(["jaxvid", f"--config={tiny_file}", *arguments]) == 2
    assert "error: " in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
