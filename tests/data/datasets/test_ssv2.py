import json

import pytest

from jaxvid.data.datasets import ssv2
from jaxvid.errors import UserError

LABELS = {"Moving something up": "1", "Approaching something with your camera": "0"}
TRAIN = [
    {"id": "78687", "label": "moving a cup up", "template": "Moving [something] up"},
    {"id": "41", "label": "", "template": "Approaching [something] with your camera"},
]
VALIDATION = [{"id": "7", "label": "", "template": "Moving [something] up", "placeholders": ["x"]}]
VIDEOS = [f"20bn-something-something-v2/{number}.webm" for number in (78687, 41, 7)]


def lists(prefix="something-something-v2-", **others):
    known = {"labels": LABELS, "train": TRAIN, "validation": VALIDATION, **others}
    return {f"labels/{prefix}{name}.json": json.dumps(value) for name, value in known.items()}


@pytest.mark.parametrize("prefix", ["", "something-something-v2-"])
def test_reads_what_is_distributed(tree, prefix):
    root = tree(*VIDEOS, **lists(prefix, test=[{"id": "8"}]))
    dataset = ssv2.read(root, 1)
    assert dataset.class_names == ("Approaching something with your camera", "Moving something up")
    assert [(c.id, c.label, c.split, c.group) for c in dataset.videos] == [
        ("78687.webm", 1, "train", "78687"),
        ("41.webm", 0, "train", "41"),
        ("7.webm", 1, "test", "7"),
    ]
    (root / VIDEOS[1]).unlink()
    assert ssv2.read(root, 1).missing == ("41.webm",)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"labels": {"a": "1"}}, "labels.json: templates must have the numbers from 0"),
        ({"labels": ["a"]}, "labels.json: templates must have the numbers from 0"),
        ({"train": {}}, "train.json must hold a list of videos"),
        ({"train": [{"id": "x"}]}, "train.json, entry 1: an id, which is a number, and a template"),
        ({"train": [{"id": "1", "template": "[x]"}]}, "entry 1: template 'x' is not in the list"),
    ],
)
def test_what_is_not_ssv2_is_said_to_be_so(tree, changed, message):
    with pytest.raises(UserError, match=message):
        ssv2.read(tree(*VIDEOS, **lists(**changed)), 1)


def test_missing_parts_are_said(tree):
    with pytest.raises(UserError, match=r"should have one labels.json.*it has none"):
        ssv2.read(tree(*VIDEOS), 1)
    with pytest.raises(UserError, match="split=2: Something-Something v2 has one split"):
        ssv2.read(tree(), 2)
    with pytest.raises(UserError, match=r"several: .*x-labels.json"):
        ssv2.read(tree(**lists(), **lists("x-")), 1)
    for path in tree().glob("labels/x-*"):
        path.unlink()
    for path in VIDEOS:
        (tree() / path).unlink()
    with pytest.raises(UserError, match=r"no folder of .webm files"):
        ssv2.read(tree(), 1)
