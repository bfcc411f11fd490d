import pytest

from jaxvid.data.datasets import msr_action3d, take_classes
from jaxvid.errors import UserError


def name(action: int = 1, subject: int = 1, execution: int = 1, kind: str = "skeleton3D") -> str:
    return f"Real3D/a{action:02d}_s{subject:02d}_e{execution:02d}_{kind}.txt"


def test_odd_subjects_train_and_even_ones_test(tree, caplog):
    names = [name(action, subject) for action in (1, 20) for subject in (1, 4, 9, 10)]
    dataset = msr_action3d.read(tree(*names, name(kind="skeleton")), 1)
    assert [(v.id, v.label, v.group) for v in dataset.videos] == [
        (name(action, subject), action - 1, f"s{subject:02d}")
        for action in (1, 20)
        for subject in (1, 4, 9, 10)
    ]
    assert [v.split for v in dataset.videos] == ["train", "test", "train", "test"] * 2
    assert len(set(dataset.class_names)) == 20
    assert dataset.class_names[19] == "pick up & throw"
    assert dataset.skeletons == "msr_action3d"
    assert "MSR Action3D has 291 train sequences; here: 4" in caplog.text
    assert "MSR Action3D has 266 test sequences; here: 4" in caplog.text


def test_erroneous_sequences_are_left_out(tree, caplog):
    bad = name(13, 9, 2)
    root = tree(name(13, 9, 1), bad, name(21), name(1, 11))
    assert [v.id for v in msr_action3d.read(root, 1).videos] == [name(13, 9, 1)]
    assert "1 sequences are left out, as their skeletons are erroneous" in caplog.text
    assert bad in caplog.text
    assert "2 files are left out, as no sequence of the dataset has the numbers" in caplog.text


def test_an_action_set_is_a_choice_of_classes(tree):
    chosen = ("high arm wave", "hand catch", "two hand wave")
    root = tree(*(name(action) for action in (1, 2, 4, 11)))
    dataset = take_classes(msr_action3d.read(root, 1), chosen)
    assert [(v.id, v.label) for v in dataset.videos] == [(name(1), 0), (name(4), 1), (name(11), 2)]


def test_what_is_not_msr_action3d_is_said_to_be_so(tree):
    root = tree(name(kind="skeleton"))
    with pytest.raises(UserError, match=r"is named like a01_s01_e01_skeleton3D.txt"):
        msr_action3d.read(root, 1)
    with pytest.raises(UserError, match="split=2: MSR Action3D has one split"):
        msr_action3d.read(root, 2)
