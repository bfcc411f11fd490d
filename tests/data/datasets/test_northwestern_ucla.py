import pytest

from jaxvid.data.datasets import northwestern_ucla
from jaxvid.errors import UserError


def name(action: int, view: int, environment: int = 0) -> str:
    return f"all_sqe/a{action:02d}_s01_e{environment:02d}_v{view:02d}.json"


def test_two_views_train_and_the_third_one_tests(tree, caplog):
    actions = (1, 2, 3, 4, 5, 6, 8, 9, 11, 12)
    names = [name(action, view) for action in actions for view in (1, 2, 3)]
    dataset = northwestern_ucla.read(tree(*names, "all_sqe/notes.json"), 1)
    assert [(v.id, v.label, v.split, v.group) for v in dataset.videos] == [
        (name(action, view), label, "test" if view == 3 else "train", f"v{view:02d}")
        for label, action in enumerate(actions)
        for view in (1, 2, 3)
    ]
    assert len(dataset.class_names) == 10
    assert (dataset.class_names[5], dataset.class_names[6]) == ("stand up", "donning")
    assert dataset.skeletons == "northwestern_ucla"
    assert "Northwestern-UCLA has 1020 train sequences; here: 20" in caplog.text
    assert "Northwestern-UCLA has 464 test sequences; here: 10" in caplog.text


def test_actions_and_views_that_do_not_exist_are_left_out(tree, caplog):
    root = tree(name(7, 1), name(1, 4), name(1, 0), name(1, 1))
    assert [v.id for v in northwestern_ucla.read(root, 1).videos] == [name(1, 1)]
    assert "3 files are left out, as no sequence of the dataset has the numbers" in caplog.text


def test_what_is_not_northwestern_ucla_is_said_to_be_so(tree):
    root = tree("a.json")
    with pytest.raises(UserError, match=r"is named like a01_s01_e00_v01.json"):
        northwestern_ucla.read(root, 1)
    with pytest.raises(UserError, match="split=2: Northwestern-UCLA has one split"):
        northwestern_ucla.read(root, 2)
