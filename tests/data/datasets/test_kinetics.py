import pytest

from jaxvid.data.datasets import kinetics
from jaxvid.errors import UserError

HEADER = "label,youtube_id,time_start,time_end,split\n"
TRAIN = (
    HEADER
    + 'archery,-2TWW_Zsle8,1,11,train\n"eating, cake",abcdefghij_,29,39,train\n'
    + "archery,uncutuncut1,5,15,train\narchery,uncutuncut1,50,60,train\n"
    + "archery,goneagain11,0,10,train\n"
)
VALIDATE = (
    HEADER + 'archery,valvalval11,100,110,validate\n"eating, cake",valvalval22,7,17,validate\n'
)
FILES = (
    "train/archery/-2TWW_Zsle8_000001_000011.mp4",
    "train/abcdefghij__000029_000039.mp4",
    "train/uncutuncut1.mp4",
    "val/valvalval11_000100_000110.mp4",
    "val/valvalval22.mkv",
    "val/unlisted111_000000_000010.mp4",
)


def test_reads_lists_and_found_files(tree):
    lists = {"lists/train.csv": "\ufeff" + TRAIN, "lists/validate.csv": VALIDATE}
    root = tree(*FILES, **lists, **{"lists/labels.csv": "id,name\n0,archery\n"})
    dataset = kinetics.read(root, 1)
    assert dataset.class_names == ("archery", "eating, cake")
    assert [(c.id, c.label, c.split, c.group) for c in dataset.videos] == [
        (FILES[0], 0, "train", "-2TWW_Zsle8"),
        (FILES[1], 1, "train", "abcdefghij_"),
        (FILES[2] + "#t=5,15", 0, "train", "uncutuncut1"),
        (FILES[2] + "#t=50,60", 0, "train", "uncutuncut1"),
        (FILES[3], 0, "test", "valvalval11"),
        (FILES[4] + "#t=7,17", 1, "test", "valvalval22"),
    ]
    assert dataset.missing == ("goneagain11_000000_000010.mp4",)
    # A file that is two clips must be cut here; that of one clip may be cut already.
    spans = {video.path.stem: video.span for video in dataset.videos}
    assert not spans["uncutuncut1"].or_whole
    assert [spans["valvalval22"].is_cut(length) for length in (0, 10.5, 11.5)] == [0, 1, 0]


def test_split_2_tests_on_the_test_clips(tree):
    test = HEADER + "archery,valvalval11,100,110,test\n"
    root = tree(*FILES, **{"train.csv": TRAIN, "validate.csv": VALIDATE, "test.csv": test})
    dataset = kinetics.read(root, 2)
    assert [c.group for c in dataset.split("test")] == ["valvalval11"]
    assert [c.group for c in dataset.split("val")] == ["valvalval22"]


@pytest.mark.parametrize(
    ("split", "text", "message"),
    [
        (3, TRAIN, "split=3: Kinetics has 1 .validation. and 2 .test."),
        (1, "path,label\n", "has no .csv list"),
        (1, "label,youtube_id,split\n", "the header must have one column 'time_start'"),
        (1, TRAIN + "archery,x,one,2,train\n", "line 7: time_start and time_end must be seconds"),
        (1, TRAIN + "archery,x,2,2,train\n", "line 7: time_end must be after time_start"),
        (1, TRAIN + ",x,1,2,train\n", "line 7: the label is empty"),
        (1, TRAIN + "a,,1,2,train\n", "line 7: the youtube_id is empty"),
        (1, TRAIN + "a,x,1,2,trial\n", "line 7: split 'trial' must be train, validate or test"),
        (1, TRAIN, "no row whose split is val"),
        (1, TRAIN + "a,x,1,2,val\n", "none of the 6 listed videos"),
    ],
)
def test_what_is_not_kinetics_is_said_to_be_so(tree, split, text, message):
    with pytest.raises(UserError, match=message):
        kinetics.read(tree("video.mp4", **{"list.csv": text}), split)
