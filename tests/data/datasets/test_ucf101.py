from pathlib import Path

import pytest

from jaxvid.data.datasets import take_classes, ucf101
from jaxvid.errors import UserError

TRAIN = "Kick/v_Kick_g08_c01.avi 1\r\nWalkWithDog/v_WalkWithDog_g09_c02.avi 2\r\n"
TEST = "Kick/v_Kick_g01_c01.avi\r\nWalkWithDog/v_WalkWithDog_g02_c01.avi\r\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """UCF101 as it comes: CR LF lists, test lists without labels."""
    lists = tmp_path / "ucfTrainTestlist"
    lists.mkdir()
    (lists / "classInd.txt").write_bytes(b"1 Kick\r\n2 WalkWithDog\r\n")
    for split in (1, 2, 3):
        (lists / f"trainlist{split:02d}.txt").write_bytes(TRAIN.encode())
        (lists / f"testlist{split:02d}.txt").write_bytes(TEST.encode())
    for line in (TRAIN + TEST).splitlines():
        path = tmp_path / "UCF-101" / line.split()[0]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


def test_reads_what_is_distributed(root):
    dataset = ucf101.read(root, 3)
    assert dataset.class_names == ("Kick", "WalkWithDog")
    assert [(c.id, c.label, c.split, c.group) for c in dataset.videos] == [
        ("Kick/v_Kick_g08_c01.avi", 0, "train", "g08"),
        ("WalkWithDog/v_WalkWithDog_g09_c02.avi", 1, "train", "g09"),
        ("Kick/v_Kick_g01_c01.avi", 0, "test", "g01"),
        ("WalkWithDog/v_WalkWithDog_g02_c01.avi", 1, "test", "g02"),
    ]
    assert dataset.missing == ()


def test_class_folders_may_lie_in_the_root(root):
    for folder in (root / "UCF-101").iterdir():
        folder.rename(root / folder.name)
    (root / "UCF-101").rmdir()
    assert len(ucf101.read(root, 1).videos) == 4


def test_missing_videos_are_named(root):
    (root / "UCF-101/Kick/v_Kick_g01_c01.avi").unlink()
    dataset = ucf101.read(root, 1)
    assert dataset.missing == ("Kick/v_Kick_g01_c01.avi",)
    assert len(dataset.videos) == 3


def break_root(root: Path, how: str) -> Path:
    lists = root / "ucfTrainTestlist"
    if how == "absent":
        return root / "nowhere"
    if how == "empty":
        (root / "void").mkdir()
        return root / "void"
    if how == "no lists":
        return root / "UCF-101"
    if how == "no class list":
        (lists / "classInd.txt").unlink()
    if how == "bad class list":
        (lists / "classInd.txt").write_text("1 Kick\n3 Walk\n")
    if how == "unknown class":
        (lists / "trainlist01.txt").write_text("Fly/v_Fly_g01_c01.avi 1\n")
    if how == "no test list":
        (lists / "testlist01.txt").unlink()
    if how == "all missing":
        for path in root.glob("UCF-101/*/*.avi"):
            path.unlink()
    return root


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("absent", "nowhere does not exist"),
        ("empty", "is empty"),
        ("no lists", "has no folder ucfTrainTestlist"),
        ("no class list", "classInd.txt does not exist"),
        ("bad class list", "classInd.txt, line 2: must be '2 ClassName'"),
        ("unknown class", "trainlist01.txt, line 1: 'Fly' is not a class"),
        ("no test list", "testlist01.txt does not exist"),
        ("all missing", "none of the 4 listed videos"),
    ],
)
def test_what_is_not_ucf101_is_said_to_be_so(root, how, message):
    with pytest.raises(UserError, match=message):
        ucf101.read(break_root(root, how), 1)


def test_split_out_of_range(root):
    with pytest.raises(UserError, match=r"split=4: .* has the splits 1, 2, 3"):
        ucf101.read(root, 4)


def test_classes_can_be_chosen(root):
    dataset = take_classes(ucf101.read(root, 1), ("WalkWithDog",))
    assert dataset.class_names == ("WalkWithDog",)
    assert {clip.label for clip in dataset.videos} == {0}
    assert len(dataset.videos) == 2
    with pytest.raises(UserError, match="no class Fly; it has Kick, WalkWithDog"):
        take_classes(dataset=ucf101.read(root, 1), names=("Fly",))


def test_the_full_dataset_is_counted(tmp_path, caplog):
    """101 classes in 25 groups; seven of them to test on, with 3,783 of the 13,320 videos."""
    lists, names = tmp_path / "ucfTrainTestlist", [f"Class{n:03d}" for n in range(101)]
    lists.mkdir()
    (lists / "classInd.txt").write_text("".join(f"{i} {n}\n" for i, n in enumerate(names, 1)))
    for part, total, first in (("test", 3783, 1), ("train", 9537, 8)):
        paths = []
        for number in range(total):
            name, place = names[number % 101], number // 101
            paths.append(f"{name}/v_{name}_g{first + place % 7:02d}_c{1 + place // 7:02d}.avi")
        (lists / f"{part}list01.txt").write_text("".join(f"{path} 1\r\n" for path in paths))
        for path in paths:
            (tmp_path / path).parent.mkdir(exist_ok=True)
            (tmp_path / path).touch()
    dataset = ucf101.read(tmp_path, 1)
    assert (len(dataset.split("train")), len(dataset.split("test"))) == (9537, 3783)
    assert not caplog.records
    (lists / "testlist01.txt").write_text(f"{names[0]}/v_{names[0]}_g01_c01.avi\n")
    ucf101.read(tmp_path, 1)
    assert [r.getMessage() for r in caplog.records] == [
        "UCF101, split 1, has 3783 test videos; here: 1"
    ]
