import pytest

from jaxvid.data.datasets import ntu60, ntu120
from jaxvid.errors import UserError


def sample(setup=18, camera=1, performer=45, replication=1, action=61) -> str:
    return f"S{setup:03d}C{camera:03d}P{performer:03d}R{replication:03d}A{action:03d}.skeleton"


def test_the_subjects_and_classes_are_those_published():
    published = "45 46 47 49 50 52 53 54 55 56 57 58 59 70 74 78 80 81 82 83 84 85 86 89 91 92 93"
    added = [int(number) for number in f"{published} 94 95 97 98 100 103".split()]
    assert list(ntu120.TRAINING_SUBJECTS) == [*ntu60.TRAINING_SUBJECTS, *added]
    assert len(ntu120.TRAINING_SUBJECTS) == 53  # of 106
    assert len(ntu120.CLASSES) == len(set(ntu120.CLASSES)) == 120
    assert [ntu120.CLASSES[i - 1] for i in (60, 61, 91, 120)] == [
        *("walking apart from each other", "put on headphone", "open a box"),
        "finger-guessing game (playing rock-paper-scissors)",
    ]


def test_both_protocols(tree):
    names = [sample(setup, performer=p) for setup in (18, 31, 32) for p in (45, 48)]
    root = tree(
        *(f"nturgb+d_skeletons120/{name}" for name in names),
        f"nturgb+d_skeletons/{sample(1, performer=1, action=60)}",
    )
    by_subject, by_setup = ntu120.read(root, 1), ntu120.read(root, 2)
    assert {(v.group, v.split) for v in by_subject.videos} == {
        *(("P001", "train"), ("P045", "train"), ("P048", "test"))
    }
    assert {(v.group, v.split) for v in by_setup.videos} == {
        *(("S001", "test"), ("S018", "train"), ("S031", "test"), ("S032", "train"))
    }
    assert [v.label for v in by_setup.videos] == [59, *[60] * 6]
    assert (by_subject.name, by_subject.skeletons) == ("ntu120", "ntu120")


def test_samples_without_whole_skeletons_are_left_out(tree):
    bad = sample(performer=46)
    lists = {"NTU_RGBD120_samples_with_missing_skeletons.txt": bad.removesuffix(".skeleton")}
    assert [v.id for v in ntu120.read(tree(sample(), bad, **lists), 1).videos] == [sample()]


def test_absent_samples_are_named_where_all_setups_are_there(tree, caplog):
    names = [
        sample(setup, camera, action=action + 60 * (setup > 17))
        for setup in range(1, 33)
        for camera in (1, 2, 3)
        for action in range(1, 61)
    ]
    ntu120.read(tree(*names[:-1]), 1)
    missing = names[-1].removesuffix(".skeleton")
    assert f"114480 samples, and 5759 are here; not found: {missing}" in caplog.text


def test_what_is_not_ntu120_is_said_to_be_so(tree, caplog):
    root = tree(sample(33), sample(action=121), sample())
    assert len(ntu120.read(root, 1).videos) == 1
    assert "2 files in" in caplog.text and "a setup above 32 or an action above 120" in caplog.text
    with pytest.raises(UserError, match=r"split=3: NTU RGB.D 120 has 1 .cross-subject. and 2"):
        ntu120.read(root, 3)
