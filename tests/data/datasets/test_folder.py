import pytest

from jaxvid.data.datasets import folder
from jaxvid.errors import UserError


def test_class_folders_of_any_names(tree, caplog):
    root = tree(
        "Kick (left)/a.mp4",
        "Kick (left)/day 1/deep/b.MOV",
        "Kick (left)/c.avi",
        "Kick (left)/.hidden.avi",
        "Kick (left)/notes.txt",
        "überholen, 追い越す/a.webm",
        "überholen, 追い越す/b.webm",
        "once/only.mkv",
        ".git/a.mp4",
        "__MACOSX/Kick/a.mp4",
        "loose.mp4",
    )
    dataset = folder.read(root, 1)
    assert dataset.class_names == ("Kick (left)", "once", "überholen, 追い越す")
    assert [(c.id, c.label) for c in dataset.videos] == [
        ("Kick (left)/a.mp4", 0),
        ("Kick (left)/c.avi", 0),
        ("Kick (left)/day 1/deep/b.MOV", 0),
        ("once/only.mkv", 1),
        ("überholen, 追い越す/a.webm", 2),
        ("überholen, 追い越す/b.webm", 2),
    ]
    assert sorted(c.label for c in dataset.split("test")) == [0, 2]
    assert "1 videos are in no class folder, loose.mp4 among them" in caplog.text


def test_class_folders_may_be_links(tree, tmp_path):
    root = tree("a/1.mp4", "a/2.mp4")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/3.mp4").touch()
    (root / "b").symlink_to(tmp_path / "elsewhere")
    (root / "a/again").symlink_to(root / "a")
    assert [c.id for c in folder.read(root, 1).videos] == ["a/1.mp4", "a/2.mp4", "b/3.mp4"]


def test_train_and_test_folders_are_the_split(tree):
    root = tree("train/a/1.mp4", "train/b/1.mp4", "train/once/1.mp4", "val/a/2.mp4", "val/b/2.mp4")
    dataset = folder.read(root, 1)
    assert dataset.class_names == ("a", "b", "once")
    assert [(c.id, c.label, c.split) for c in dataset.videos] == [
        ("train/a/1.mp4", 0, "train"),
        ("train/b/1.mp4", 1, "train"),
        ("train/once/1.mp4", 2, "train"),
        ("val/a/2.mp4", 0, "test"),
        ("val/b/2.mp4", 1, "test"),
    ]
    with pytest.raises(UserError, match=r"split=2: .* has one split"):
        folder.read(root, 2)


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        (["a.mp4"], "has 0 class folders and 1 videos beside"),
        (["a/1.mp4", "a/2.mp4"], "has 1 class folders: there must be a folder for each of two"),
        (
            ["a/1.mp4", "b/1.txt"],
            "class folder .*b holds no video and no image, but 1 .txt: remove",
        ),
        (["a/1.mp4", "b/1.mp4"], "every class has one video"),
        (["train/a/1.mp4", "test/a/1.mp4", "b/1.mp4"], "has test, train and also b"),
        (
            ["train/a/1.mp4", "train/b/1.mp4", "test/a/1.mp4", "test/fly away/1.mp4"],
            "only the test split has videos of class 'fly away'",
        ),
    ],
)
def test_what_cannot_be_meant_is_said(tree, paths, message):
    with pytest.raises(UserError, match=message):
        folder.read(tree(*paths), 1)


def frames(folder: str, *names: str, count: int = 3) -> list[str]:
    return [f"{folder}/{name}_{i:05d}.jpg" for name in names or ("img",) for i in range(count)]


def test_folders_of_frames_are_videos_of_their_class(tree):
    paths = [p for name in ("run", "sit") for i in (1, 2) for p in frames(f"{name}/v{i}")]
    others = ["run/v1/notes.txt", "run/cover.png", "sit/day 2/c.mp4", "sit/day 2/c.jpg", "README"]
    dataset = folder.read(tree(*paths, *others), 1)
    assert dataset.class_names == ("run", "sit")
    assert [c.id for c in dataset.videos] == [
        "run/v1",
        "run/v2",
        "sit/day 2/c.mp4",
        "sit/v1",
        "sit/v2",
    ]
    expected = {"without a suffix": 1, ".txt": 1, ".png": 1, ".jpg": 1}
    assert dict(dataset.left_out) == expected


def test_frames_without_a_folder_of_their_own_are_said_to_be_so(tree):
    root = tree(*frames("run", "a", "b"), *frames("sit/v1"))
    message = r"class folder .*run holds frames and no video: .* such as .*run/VIDEO/img_00001.jpg"
    with pytest.raises(UserError, match=message):
        folder.read(root, 1)


def test_no_folder_and_an_empty_one(tmp_path):
    with pytest.raises(UserError, match=r"does not exist; set config.data.root"):
        folder.read(tmp_path / "nowhere", 1)
    with pytest.raises(UserError, match=r"is empty; set config.data.root"):
        folder.read(tmp_path, 1)


def test_parts_of_a_split_under_other_names_are_no_classes(tree):
    root = tree(
        *(f"{part}/{name}/1.mp4" for part in ("training", "dev") for name in ("run", "sit"))
    )
    with pytest.raises(UserError, match="all hold run, sit: if they are parts of a split"):
        folder.read(root, 1)
