from dataclasses import replace
from pathlib import Path

import pytest

from jaxvid import config as configs
from jaxvid.config import checks as config_checks
from jaxvid.config import files as config_files
from jaxvid.config.names import DATASETS
from jaxvid.data import loading
from jaxvid.data.datasets import Dataset, Video, each_once
from jaxvid.data.skeleton_files import FORMATS, POSES
from jaxvid.errors import UserError
from jaxvid.skeletons import SKELETONS

OTHERS = sorted(set(DATASETS) - {"embedded"})


@pytest.mark.parametrize("name", OTHERS)
def test_every_dataset_has_a_reader(name, tmp_path):
    with pytest.raises(UserError, match=f"{tmp_path} "):
        loading.read(name, tmp_path, 1)


def test_joints_are_of_datasets_that_are_named():
    assert {name for name in FORMATS if POSES not in name} <= set(DATASETS)


@pytest.mark.parametrize("name", OTHERS)
def test_every_dataset_can_be_named_after_the_config(name):
    config = config_files.load(f"li3d_bilstm:{name},split=2")
    config_checks.check(config)
    assert (config.data.dataset, config.data.split, config.data.num_frames) == (name, 2, 64)
    with pytest.raises(UserError, match=f"root is empty: where is {name}"):
        loading.load(config.data)


@pytest.mark.parametrize(
    ("name", "joints"),
    [("ntu60", 25), ("ntu120", 25), ("kinetics_skeleton", 18), ("msr_action3d", 20)],
)
def test_st_gcn_takes_the_joints_of_its_dataset(name, joints):
    config = config_files.load(f"st_gcn:{name},split=2")
    assert len(SKELETONS[config.model.skeleton].joints) == joints
    assert config.data.split == 2
    shapes = loading.clip_shapes(config.data, config.model.skeleton)
    frames, people = {18: (150, 2), 20: (32, 1), 25: (100, 2)}[joints]
    assert shapes["skeleton"] == (frames, people, joints, 3)


def test_a_dataset_of_the_users_own_is_loaded(tmp_path):
    for label in ("a", "b"):
        for number in range(10):
            (tmp_path / label).mkdir(exist_ok=True)
            (tmp_path / label / f"{number}.mp4").touch()
    config = configs.for_dataset("folder")
    config.data.root, config.data.classes = str(tmp_path), ("b",)
    dataset = loading.load(config.data)
    assert (len(dataset.split("train")), len(dataset.split("test"))) == (7, 3)
    config.data.clips_per_class = 2
    few = [loading.load(config.data, seed) for seed in range(4)]
    assert [(len(d.split("train")), len(d.split("unused"))) for d in few] == [(2, 5)] * 4
    assert all(d.split("test") == dataset.split("test") for d in few)
    assert len({tuple(d.split("train")) for d in few}) > 1


def test_a_list_of_videos_elsewhere_is_loaded_on_request(tmp_path):
    for number in range(4):
        (tmp_path / f"{number}.mp4").touch()
    (tmp_path / "lists").mkdir()
    rows = [f"{number}.mp4,{'ab'[number % 2]}\n" for number in range(4)]
    (tmp_path / "lists" / "list.csv").write_text("path,label\n" + "".join(rows))
    config = configs.for_dataset("csv")
    config.data.root, config.data.prefix = str(tmp_path / "lists"), str(tmp_path)
    config_checks.check(config)
    assert [video.id for video in loading.load(config.data).videos] == [
        f"{number}.mp4" for number in range(4)
    ]


def test_a_dataset_is_divided_into_folds_and_validation(tmp_path, caplog):
    videos = [("ab"[n % 2], f"P{n % 8}", n) for n in range(64)]
    (tmp_path / "videos").mkdir()
    rows = ["path,label,group,split"]
    for label, group, n in videos:
        (tmp_path / f"videos/{n}.mp4").touch()
        rows.append(f"videos/{n}.mp4,{label},{group},{('train', 'val', 'test')[n // 8 % 3]}")
    (tmp_path / "list.csv").write_text("\n".join(rows))
    config = configs.for_dataset("csv")
    config.data.update(root=str(tmp_path), validation=0.25)
    assert len(loading.load(config.data).split("val")) == 24  # the dataset has its own
    config.data.update(folds=4, split=4)
    dataset = loading.load(config.data)
    sizes = [len(dataset.split(side)) for side in ("train", "val", "test")]
    assert sizes == [32, 16, 16]
    assert len({(video.group, video.split) for video in dataset.videos}) == 8
    assert loading.divide(dataset, config.data) == dataset
    caplog.clear()
    config.data.update(folds=-1, split=8, validation=0.0)
    assert {video.group for video in loading.load(config.data).split("test")} == {"P7"}
    assert caplog.messages[-1] == "fold 8 has no test video of class a"
    config.data.split = 9
    with pytest.raises(UserError, match=r"data.split=9: there are 8 folds"):
        loading.load(config.data)


def test_official_lists_give_way_to_a_random_division(tmp_path):
    lists = tmp_path / "ucfTrainTestlist"
    lists.mkdir()
    (lists / "classInd.txt").write_text("1 Walk\n2 Wave\n")
    names = [
        f"{name}/v_{name}_g{group:02d}_c{clip:02d}.avi"
        for name in ("Walk", "Wave")
        for group in range(1, 11)
        for clip in range(1, 5)
    ]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    for part, some in (("train", names[:70]), ("test", names[70:])):
        (lists / f"{part}list01.txt").write_text("".join(f"{name} 1\n" for name in some))
    config = configs.for_dataset("ucf101,split=1")
    config.data.root = str(tmp_path)
    assert [video.split for video in loading.load(config.data).videos] == ["train"] * 70 + [
        "test"
    ] * 10

    def groups(side):
        return {video.group for video in loading.load(config.data).split(side)}

    config.data.update(division="videos", split=4)  # there is no list of this number
    sides = [[v.label for v in loading.load(config.data).split(s)] for s in ("train", "test")]
    assert [(found.count(0), found.count(1)) for found in sides] == [(28, 28), (12, 12)]
    assert groups("train") & groups("test")
    config.data.division = "groups"
    assert not groups("train") & groups("test")
    assert len(loading.load(config.data).split("test")) == 24
    config.data.folds = 5
    with pytest.raises(UserError, match=r"data.division=groups: must be own with config.data.fo"):
        config_checks.check(config)


@pytest.mark.parametrize("modalities", ["rgb", "flow", "rgb+flow"])
def test_joints_alone_have_no_pictures(modalities, tmp_path):
    config = configs.for_dataset("ntu60")
    config.data.modality = modalities
    dataset = Dataset("ntu60", tmp_path, ("one",), (), skeletons="ntu60")
    with pytest.raises(UserError, match=r"ntu60 has joints and no videos; .*st_gcn.py:ntu60 reads"):
        loading.open_records(dataset, config.data)


def test_a_video_is_one_thing():
    once = Video(Path("a/1.mp4"), 0, "train", "g")
    dataset = Dataset("ucf101", Path(), ("a", "b"), (once, once))
    assert each_once(dataset).videos == (once,)
    for other, message in (
        (replace(once, split="test"), "a/1.mp4 is in the training and in the test list"),
        (replace(once, label=1), "a/1.mp4 is listed as a and as b"),
    ):
        with pytest.raises(UserError, match=message):
            each_once(replace(dataset, videos=(once, other)))
