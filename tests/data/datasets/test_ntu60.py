import pytest

from jaxvid.data.datasets import ntu60
from jaxvid.errors import UserError


def sample(setup=1, camera=1, performer=1, replication=1, action=1) -> str:
    return f"S{setup:03d}C{camera:03d}P{performer:03d}R{replication:03d}A{action:03d}"


def test_the_subjects_are_those_of_the_published_protocol():
    published = "1 2 4 5 8 9 13 14 15 16 17 18 19 25 27 28 31 34 35 38"
    assert list(ntu60.TRAINING_SUBJECTS) == [int(number) for number in published.split()]


def test_names_that_count_from_zero_are_left_out(tree, caplog):
    root = tree(f"{sample()}.skeleton", f"{sample(action=0)}.skeleton")
    assert [clip.label for clip in ntu60.read(root, 1).videos] == [0]
    assert "1 files are left out, as no sequence of the dataset has the numbers" in caplog.text


def test_both_protocols(tree):
    names = [
        sample(camera=camera, performer=performer, action=action)
        for action in (1, 60)
        for camera in (1, 2, 3)
        for performer in (2, 3)
    ]
    root = tree(*(f"nturgb+d_skeletons/{name}.skeleton" for name in names))
    by_subject, by_view = ntu60.read(root, 1), ntu60.read(root, 2)
    assert len(by_subject.class_names) == len(set(by_subject.class_names)) == 60
    assert {c.label for c in by_subject.videos} == {0, 59}
    assert by_subject.class_names[59] == "walking apart from each other"
    assert {(c.group, c.split) for c in by_subject.videos} == {("P002", "train"), ("P003", "test")}
    assert {(c.group, c.split) for c in by_view.videos} == {
        ("C001", "test"),
        ("C002", "train"),
        ("C003", "train"),
    }
    assert len(by_subject.videos) == len(by_view.videos) == 12
    assert by_subject.videos[0].id == f"nturgb+d_skeletons/{names[0]}.skeleton"
    assert by_subject.skeletons == "ntu60"


def test_samples_without_whole_skeletons_are_left_out(tree, caplog):
    bad = sample(performer=3)
    names = [sample(), bad, sample(setup=18), sample(action=61), "notes"]
    text = f"1 of the samples have missing skeleton data.\r\n\r\n{bad}\r\n{sample(action=9)}\r\n"
    root = tree(
        *(f"{name}.skeleton" for name in names),
        **{"NTU_RGBD_samples_with_missing_skeletons.txt": text},
    )
    assert [c.id for c in ntu60.read(root, 1).videos] == [f"{sample()}.skeleton"]
    assert "have a setup above 17 or an action above 60, as NTU RGB+D has not" in caplog.text


def test_absent_samples_are_named_where_all_setups_are_there(tree, caplog):
    names = [sample(s, c, action=a) for s in range(1, 18) for c in (1, 2, 3) for a in range(1, 61)]
    root = tree(*(f"{name}.skeleton" for name in names[:-1]))
    ntu60.read(root, 1)
    assert f"56880 samples, and 3059 are here; not found: {names[-1]}" in caplog.text


def test_what_is_not_ntu60_is_said_to_be_so(tree):
    root = tree("a.skeleton")
    with pytest.raises(UserError, match=r"named like S001C001P001R001A001.skeleton"):
        ntu60.read(root, 1)
    with pytest.raises(UserError, match=r"split=3: NTU RGB.D has 1 .cross-subject. and 2"):
        ntu60.read(root, 3)
