import json

import pytest

from jaxvid.data.datasets import kinetics_skeleton
from jaxvid.errors import UserError


def entry(label: str, index: int, has_skeleton: bool = True) -> dict:
    return {"has_skeleton": has_skeleton, "label": label, "label_index": index}


TRAIN = {
    "--tkC4b_1W8": entry("zumba", 3),
    "b": entry("archery", 0),
    "gone": entry("archery", 0),
    "nobody": entry("zumba", 3, False),
}
VAL = {"c": entry("zumba", 3)}
FILES = ("kinetics_train/--tkC4b_1W8.json", "kinetics_train/b.json", "kinetics_val/c.json")


def lists(above="", **changed):
    known = {"train": TRAIN, "val": VAL, **changed}
    return {f"{above}kinetics_{part}_label.json": json.dumps(v) for part, v in known.items()}


@pytest.mark.parametrize("above", ["", "kinetics-skeleton/"])
def test_reads_what_is_distributed(tree, above, caplog):
    dataset = kinetics_skeleton.read(tree(*(above + f for f in FILES), **lists(above)), 1)
    assert dataset.class_names == ("archery", "zumba")
    assert [(c.id, c.label, c.split, c.group) for c in dataset.videos] == [
        (FILES[0], 1, "train", "--tkC4b_1W8"),
        (FILES[1], 0, "train", "b"),
        (FILES[2], 1, "test", "c"),
    ]
    assert dataset.missing == ("kinetics_train/gone.json",)
    assert dataset.skeletons == "kinetics_skeleton"
    assert "1 videos of Kinetics-skeleton have no skeleton" in caplog.text


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"train": []}, "train_label.json must hold a map of videos"),
        ({"train": {"b": {}}}, "video b: has_skeleton, label and label_index must be there"),
        ({"val": {"c": entry("fly", 3)}}, "val_label.json: label 3 is 'fly' and 'zumba'"),
        ({"train": {"x": entry("fly", 0)}, "val": {}}, "none of the 1 listed videos"),
    ],
)
def test_what_is_not_kinetics_skeleton_is_said_to_be_so(tree, changed, message):
    with pytest.raises(UserError, match=message):
        kinetics_skeleton.read(tree(*FILES, **lists(**changed)), 1)


def test_missing_lists_are_said(tree):
    root = tree(*FILES)
    with pytest.raises(UserError, match=r"has no kinetics_train_label.json"):
        kinetics_skeleton.read(root, 1)
    (root / "kinetics_train_label.json").write_text(json.dumps(TRAIN))
    with pytest.raises(UserError, match=r"kinetics_val_label.json does not exist"):
        kinetics_skeleton.read(root, 1)
    with pytest.raises(UserError, match="split=2: Kinetics-skeleton has one split"):
        kinetics_skeleton.read(root, 2)
