import pytest

from jaxvid.data.datasets import utd_mhad
from jaxvid.errors import UserError


def name(action: int = 1, subject: int = 1, trial: int = 1) -> str:
    return f"Skeleton/a{action}_s{subject}_t{trial}_skeleton.mat"


def test_odd_subjects_train_and_even_ones_test(tree, caplog):
    names = [name(action, subject) for action in (1, 27) for subject in range(1, 9)]
    root = tree(*names, "Skeleton/Skeleton_joint_order.txt", "Inertial/a1_s1_t1_inertial.mat")
    dataset = utd_mhad.read(root, 1)
    assert len(dataset.class_names) == len(set(dataset.class_names)) == 27
    assert [(v.id, v.label) for v in dataset.videos] == [
        (n, 26 * (i > 7)) for i, n in enumerate(names)
    ]
    assert {(v.group, v.split) for v in dataset.videos} == {
        (f"s{subject}", "train" if subject % 2 else "test") for subject in range(1, 9)
    }
    assert dataset.class_names[26] == "squat (two arms stretch out)"
    assert dataset.skeletons == "utd_mhad"
    assert "UTD-MHAD has 431 train sequences; here: 8" in caplog.text
    assert "UTD-MHAD has 430 test sequences; here: 8" in caplog.text


def test_files_that_are_none_of_it_are_left_out(tree, caplog):
    root = tree(name(), name(28), name(0), f"again/{name()}")
    assert [v.id for v in utd_mhad.read(root, 1).videos] == [name()]
    assert "2 files are left out, as no sequence of the dataset has the numbers" in caplog.text
    assert "Skeleton/a0_s1_t1_skeleton.mat, Skeleton/a28_s1_t1_skeleton.mat" in caplog.text
    assert (
        f"1 files are left out, as another folder has files of the same names: again/{name()}"
        in (caplog.text)
    )


def test_what_is_not_utd_mhad_is_said_to_be_so(tree):
    root = tree("a1_s1_t1_inertial.mat")
    with pytest.raises(UserError, match=r"is named like a1_s1_t1_skeleton.mat"):
        utd_mhad.read(root, 1)
    with pytest.raises(UserError, match="split=2: UTD-MHAD has one split"):
        utd_mhad.read(root, 2)
