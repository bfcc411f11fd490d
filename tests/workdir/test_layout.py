import json
from dataclasses import replace
from pathlib import Path

import pytest

from jaxvid import config as configs
from jaxvid.config import files as config_files
from jaxvid.data.datasets import Dataset, Video
from jaxvid.errors import UserError
from jaxvid.workdir import layout as workdirs


def test_the_split_is_written_once(tmp_path):
    clips = (
        Video(Path("a/1.mp4"), 0, "train", "P1"),
        Video(Path("a/2, new.mp4"), 0, "test", "P2"),
        Video(Path("b/1.mp4"), 1, "train", "P1"),
    )
    dataset = Dataset("folder", tmp_path, ("left", "追い越す"), clips)
    config = configs.for_dataset("folder")
    config.data.root = "mine"
    usable = [clip for clip in clips if clip.split == "train"]
    for _ in range(2):
        workdirs.claim(tmp_path, config, dataset, usable)
        assert (tmp_path / workdirs.SPLIT).read_text(encoding="utf-8") == (
            "clip,label,split,group\n"
            "a/1.mp4,left,train,P1\n"
            '"a/2, new.mp4",left,test,P2\n'
            "b/1.mp4,追い越す,train,P1\n"
        )
    assert config_files.read(tmp_path / workdirs.CONFIG).data.root == str(Path.cwd() / "mine")
    other = replace(dataset, videos=clips[:2])
    with pytest.raises(UserError, match=r"clips or their split have changed since .*--mode=eval"):
        workdirs.claim(tmp_path, config, other, usable)
    with pytest.raises(UserError, match=r"have changed since .* began \(2 then, 1 now\)"):
        workdirs.claim(tmp_path, config, dataset, usable[:1])


@pytest.fixture
def trained(tmp_path):
    """A dataset of two classes, and a workdir of a run on it."""
    clips = tuple(
        Video(Path(f"{name}/{i}.mp4"), label, "train" if i else "test", f"{name}{i}")
        for label, name in enumerate("ab")
        for i in range(3)
    )
    dataset = Dataset("folder", tmp_path, ("a", "b"), clips)
    folder = tmp_path / "run"
    workdirs.claim(folder, configs.for_dataset("folder"), dataset, dataset.split("train"))
    return dataset, folder


def test_other_classes_than_the_models_are_not_scored(trained):
    dataset, folder = trained
    workdirs.check_evaluated(folder, dataset, dataset.split("test"), "test")
    turned = replace(dataset, class_names=("b", "a"))
    with pytest.raises(UserError, match=r"has the classes b, a, and the model in .* has a, b"):
        workdirs.check_evaluated(folder, turned, turned.split("test"), "test")


def test_clips_that_were_trained_on_are_no_test(trained):
    dataset, folder = trained
    with pytest.raises(UserError, match=r"trained on 4 of these 6 test clips, a/1.mp4 among them"):
        workdirs.check_evaluated(folder, dataset, list(dataset.videos), "test")
    workdirs.check_evaluated(folder, dataset, dataset.split("train"), "train")


def test_validation_clips_may_be_scored_and_are_noted(trained):
    dataset, folder = trained
    clips = [replace(c, split="val") if c.group == "a1" else c for c in dataset.videos]
    divided = replace(dataset, videos=tuple(clips))
    run, config = folder.with_name("other"), configs.for_dataset("folder")
    workdirs.claim(run, config, divided, divided.split("train"))
    assert json.loads((run / workdirs.DATASET).read_text())["validation_clips"] == 1
    assert "validation_clips" not in json.loads((folder / workdirs.DATASET).read_text())
    assert "a/1.mp4,a,val,a1" in (run / workdirs.SPLIT).read_text()
    val = divided.split("val")
    workdirs.check_evaluated(run, divided, val, "val")
    workdirs.check_evaluated(run, dataset, val, "test")  # nothing was trained on it
    with pytest.raises(UserError, match=r"trained on 1 of these 1 val clips, a/1.mp4 among them"):
        workdirs.check_evaluated(folder, divided, val, "val")
    config.eval.split = "val"
    assert workdirs.evaluation_folder(run, config, val).name == "split=val"


def test_epochs_alone_may_change(trained):
    dataset, folder = trained
    config = configs.for_dataset("folder")
    config.train.epochs, config.eval.views = 70.0, 3
    workdirs.check(folder, config)
    workdirs.claim(folder, config, dataset, dataset.split("train"))
    stored = config_files.read(folder / workdirs.CONFIG)
    assert (stored.train.epochs, stored.eval.views) == (70.0, 1)
    config.train.batch_size = 8
    with pytest.raises(UserError, match=r"another config \(train.batch_size: 32 there, 8 now\)"):
        workdirs.check(folder, config)


def test_results_of_other_clips_get_a_folder_of_their_own(trained):
    dataset, folder = trained
    config, test = configs.for_dataset("folder"), dataset.split("test")
    assert workdirs.evaluation_folder(folder, config, test) == folder
    assert workdirs.evaluation_folder(folder, config, test[:1]) == folder
    others = [replace(test[0], path=Path("a/new.mp4"))]
    elsewhere = workdirs.evaluation_folder(folder, config, others)
    assert elsewhere.parent == folder / "evaluations"
    assert elsewhere.name.startswith("clips=")


def test_a_config_with_the_field_names_of_earlier_versions_is_the_same(tiny, tmp_path):
    values = json.loads(config_files.to_json(tiny))
    values["data"]["streams"] = values["data"].pop("modality")
    values["data"]["shard"] = values["data"].pop("part")
    values["model"]["pictures"] = values["model"].pop("image_norm")
    (tmp_path / "config.json").write_text(json.dumps(values))
    workdirs.check(tmp_path, tiny)
    assert workdirs.evaluation_folder(tmp_path, tiny) == tmp_path
    tiny.model.image_norm = "imagenet"
    with pytest.raises(UserError, match=r"model\.image_norm: 'centred' there, 'imagenet' now"):
        workdirs.check(tmp_path, tiny)
