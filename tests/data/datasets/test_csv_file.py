from pathlib import Path

import pytest

from jaxvid.data.datasets import csv_file
from jaxvid.errors import UserError

VIDEOS = [f"videos/{name}.mp4" for name in "abcdef"]


def rows(*lines: str, header: str = "path,label") -> dict[str, str]:
    return {"list.csv": "".join(f"{line}\r\n" for line in (header, *lines))}


def test_labels_are_any_strings_and_other_columns_are_not_read(tree):
    root = tree(
        *VIDEOS,
        **rows(
            '1,"Kick, left",videos/a.mp4',
            '2,"Kick, left", videos/b.mp4',
            "",
            "3,追い越す,./videos/../videos/c.mp4",
            f"4,追い越す,{tree()}/videos/d.mp4",
            "5,10,videos/gone.mp4",
            "6,10,videos/e.mp4",
            header="\ufeffnumber, Label ,PATH",
        ),
    )
    dataset = csv_file.read(root / "list.csv", 1)
    assert dataset == csv_file.read(root, 1)
    assert dataset.class_names == ("10", "Kick, left", "追い越す")
    assert [(c.id, c.label, c.group) for c in dataset.videos] == [
        ("videos/a.mp4", 1, "videos/a.mp4"),
        ("videos/b.mp4", 1, "videos/b.mp4"),
        ("videos/c.mp4", 2, "videos/c.mp4"),
        ("videos/d.mp4", 2, "videos/d.mp4"),
        ("videos/e.mp4", 0, "videos/e.mp4"),
    ]
    assert sorted(c.label for c in dataset.split("test")) == [1, 2]
    assert dataset.missing == ("videos/gone.mp4",)


def test_split_and_group_are_read(tree, caplog):
    lines = [f"{video},{'xy'[i % 2]},P{i // 2}," for i, video in enumerate(VIDEOS[:5])]
    sides = ("train", "Train", "train", "train", "val")
    root = tree(
        *VIDEOS,
        **rows(
            *(line + side for line, side in zip(lines, sides, strict=True)),
            f"{VIDEOS[5]},y,P0,val",
            header="path,label,group,split",
        ),
    )
    dataset = csv_file.read(root, 1)
    assert [c.split for c in dataset.videos] == ["train"] * 4 + ["test"] * 2
    assert [c.group for c in dataset.videos] == ["P0", "P0", "P1", "P1", "P2", "P0"]
    assert "1 groups are in two splits, P0 among them" in caplog.text


def test_groups_are_never_separated(tree):
    lines = [f"videos/{n}.mp4,{'xy'[n % 2]},P{n // 4}" for n in range(40)]
    root = tree(*(line.split(",")[0] for line in lines), **rows(*lines, header="path,label,group"))
    for split in (1, 2, 3):
        dataset = csv_file.read(root, split)
        sides = {(c.group, c.split) for c in dataset.videos}
        assert len(sides) == 10
        assert len(dataset.split("test")) == 12


@pytest.mark.parametrize(
    ("lines", "header", "message"),
    [
        (
            ["a,b"],
            "video,label",
            "line 1: the header must have one column 'path', and is 'video,lab",
        ),
        (["a;b"], "path;label", "separated by commas"),
        (["a,b,b"], "path,label,label", "line 1: the header must have one column 'label'"),
        (["videos/a.mp4,x", "videos/b.mp4"], None, "line 3: 1 values where the header has 2"),
        (["videos/a.mp4,Kick, left"], None, 'line 2: 3 values .* stands in "quotes"'),
        (["videos/a.mp4,"], None, "line 2: the label is empty"),
        (['videos/a.mp4,"x'], None, "line 2: unexpected end of data"),
        (["videos/a.mp4,x", "./videos/a.mp4,x"], None, "line 3: videos/a.mp4 is in line 2 already"),
        (["../a.mp4,x"], None, "line 2: ../a.mp4 is not below"),
        (["/etc/hosts,x"], None, "line 2: /etc/hosts is not below"),
        (["videos/a.mp4,x,"], "path,label,split", "line 2: the split is empty"),
        (["videos/a.mp4,x,dev"], "path,label,split", "split 'dev' must be train, test or val"),
        (["videos/a.mp4,x,train"], "path,label,split", "no video is in the test split"),
        (
            ["videos/a.mp4,x,train", "videos/b.mp4,fly away,test"],
            "path,label,split",
            "only the test split has videos of class 'fly away'",
        ),
        (["videos/gone.mp4,x"], None, "none of the 1 listed videos .* first is videos/gone.mp4"),
        ([], None, "the lists are empty"),
        (["videos/a.mp4,x", "videos/b.mp4,y"], None, "every class has one video"),
    ],
)
def test_what_cannot_be_meant_is_said_with_its_line(tree, lines, header, message):
    root = tree(*VIDEOS, **rows(*lines, header=header or "path,label"))
    with pytest.raises(UserError, match=message):
        csv_file.read(root, 1)


@pytest.mark.parametrize("form", ["relative", "absolute", "any"])
def test_videos_outside_the_folder_are_read_on_request(tree, tmp_path, form):
    root = tree(*VIDEOS)
    prefix = {"relative": root / "videos", "absolute": root, "any": Path("/")}[form]
    above = "" if form == "relative" else f"{root}/videos/"
    (tmp_path / "lists").mkdir()
    lines = [f"{above}{name}.mp4,{'xy'[i % 2]}\n" for i, name in enumerate("abcdef")]
    (tmp_path / "lists/list.csv").write_text("path,label\n" + "".join(lines))
    dataset = csv_file.read(tmp_path / "lists", 1, prefix)
    assert dataset.folder == prefix and len(dataset.videos) == 6
    assert all((dataset.folder / video.path).is_file() for video in dataset.videos)
    expected = {"relative": "a.mp4", "absolute": "videos/a.mp4", "any": f"{root}/videos/a.mp4"[1:]}
    assert dataset.videos[0].id == expected[form]
    if form != "relative":
        with pytest.raises(UserError, match=r"line 2: .* is not below .*: set config.data.prefix"):
            csv_file.read(tmp_path / "lists", 1)
        with pytest.raises(UserError, match=r"a.mp4 is not below .*lists"):
            csv_file.read(tmp_path / "lists", 1, tmp_path / "lists")
    with pytest.raises(UserError, match=r"config.data.prefix=.*gone is not a folder"):
        csv_file.read(tmp_path / "lists", 1, tmp_path / "gone")


def test_files_that_are_no_such_list(tree):
    root = tree(*VIDEOS)
    with pytest.raises(UserError, match=r"should have one .csv file, and has none"):
        csv_file.read(root, 1)
    (root / "a.csv").write_bytes("path,label\nx,é\n".encode("latin-1"))
    with pytest.raises(UserError, match=r"a.csv is not text in UTF-8"):
        csv_file.read(root, 1)
    (root / "b.csv").touch()
    with pytest.raises(UserError, match=r"has a.csv, b.csv; set config.data.root to the file"):
        csv_file.read(root, 1)


def test_parts_of_a_file_are_videos_of_one_group(tree):
    lines = [f"videos/a.mp4,x,{span}" for span in ("0,1.5", "1.5,", ",2", ",")]
    lines += [f"{video},{'xy'[i % 2]},," for i, video in enumerate(VIDEOS[1:])]
    root = tree(*VIDEOS, **rows(*lines, header="path,label,start,end"))
    videos = csv_file.read(root, 1).videos
    assert [v.id for v in videos if v.group == "videos/a.mp4"] == [
        "videos/a.mp4#t=0,1.5",
        "videos/a.mp4#t=1.5",
        "videos/a.mp4#t=0,2",
        "videos/a.mp4",
    ]
    assert len({v.split for v in videos if v.group == "videos/a.mp4"}) == 1


@pytest.mark.parametrize(
    ("span", "message"),
    [
        ("2,1", "line 2: start and end must be seconds, the end after the start.*'2' and '1'"),
        ("-1,1", "start and end must be seconds"),
        ("a,1", "they are 'a' and '1'"),
        ("nan,", "they are 'nan' and ''"),
    ],
)
def test_a_part_must_be_one(span, message, tree):
    with pytest.raises(UserError, match=message):
        csv_file.read(
            tree(*VIDEOS, **rows(f"videos/a.mp4,x,{span}", header="path,label,start,end")), 1
        )
