from dataclasses import replace
from pathlib import Path

import pytest

from jaxvid.data.datasets import Dataset, Video
from jaxvid.data.prepare import report
from jaxvid.data.prepare.notes import Decoded, Failed

DECODED = Decoded(
    *("", "", 0, [50]),
    **{"frames": 50, "fps": 25.0, "times": False, "stated": 50, "width": 64, "height": 48},
    **{"bytes": 1000, "digest": ""},
)


def entry(i: int, digest: str = "", **other) -> Decoded:
    return replace(DECODED, id=f"{i}.avi", digest=digest or str(i), **other)


@pytest.fixture
def summary() -> dict:
    sides = [(0, "train", "a"), (0, "test", "b"), (1, "train", "c"), (1, "train", "d")]
    sides += [(1, "test", "c"), (2, "train", "e"), (2, "test", "f"), (1, "unused", "g")]
    clips = [Video(Path(f"{i}.avi"), *about) for i, about in enumerate(sides)]
    dataset = Dataset("toy", Path(), ("x", "y", "z"), tuple(clips), missing=("gone.avi",))
    dataset = replace(dataset, left_out=((".jpg", 1), (".txt", 3)))
    entries = [
        entry(0, "same"),
        entry(1, "same", frames=100, stated=100),
        entry(2, "alike", width=48, height=64),
        entry(3, "alike", frames=20),
        entry(4, fps=10.0, times=True, stated=500),
        entry(5, "alike"),
        Failed("6.avi", "", "the file is empty", False),
        entry(7, "same", damaged=2, assumed=True),
    ]
    return report.summarise(dataset, "rgb", entries)


def test_a_report_counts_what_is_there(summary):
    assert {name: summary[name] for name in ("videos", "decoded", "failed", "missing")} == {
        "videos": 8,
        "decoded": 7,
        "failed": 1,
        "missing": 1,
    }
    assert summary["frames"] == 50 * 5 + 100 + 20
    assert summary["hours"] == pytest.approx((2 * 4 + 4 + 0.8 + 5) / 3600)
    assert summary["frames_per_video"] == {"least": 20, "median": 50, "most": 100}
    assert summary["sizes"] == {"64x48": 6, "48x64": 1}
    assert summary["frames_per_second"] == {"25": 6, "10": 1}
    assert summary["classes"]["y"] == {
        **{"train": 2, "val": 0, "test": 1, "unused": 1, "failed": 0}
    }
    assert summary["classes"]["z"] == {
        **{"train": 1, "val": 0, "test": 0, "unused": 0, "failed": 1}
    }


def test_a_report_counts_what_is_left_out_by_kind(summary):
    assert summary["left_out"] == {".jpg": 1, ".txt": 3}
    assert "left out: 3 .txt, 1 .jpg" in report.lines(summary)


def test_a_report_names_what_may_be_wrong(summary):
    assert summary["failures"] == {"the file is empty": ["6.avi"]}
    assert summary["copies"] == [["0.avi", "1.avi", "7.avi"], ["2.avi", "3.avi", "5.avi"]]
    assert summary["copies_in_both_splits"] == [["0.avi", "1.avi", "7.avi"]]
    assert summary["copies_of_two_classes"] == [
        ["0.avi", "1.avi", "7.avi"],
        ["2.avi", "3.avi", "5.avi"],
    ]
    assert summary["groups_in_both_splits"] == ["c"]
    assert summary["varying_rate"] == ["4.avi"]
    assert (summary["damaged"], summary["dropped"]) == ({"7.avi": 2}, {})
    assert summary["assumed_rate"] == ["7.avi"]
    assert summary["ends_early"] == ["3.avi"]  # not the one whose header cannot know


def test_a_report_can_be_read(summary):
    text = report.text(summary)
    assert "7 of 8 videos decode; 1 more are listed and not there" in text
    assert "skipped, the file is empty: 1, 6.avi" in text
    assert "groups in two splits: 1, c" in text
    assert "2 packets that do not decode, or frames with errors, in videos: 1, 7.avi" in text
    assert "no rate is stated: taken as 25 frames per second: 1, 7.avi" in text
    assert "classes without training or without test videos: 1, z" in text
    assert text.splitlines()[-1].split() == ["z", "1", "0", "0", "0", "1"]


def test_a_report_of_joints_tells_what_is_odd_about_them():
    clips = [Video(Path(f"{i}.avi"), 0, side, side) for i, side in enumerate(("train", "test"))]
    dataset = Dataset("toy", Path(), ("x",), tuple(clips))
    entries = [
        entry(0, "same", people=2, empty=3),
        entry(1, "same", people=1, frames=1, stated=0),
    ]
    text = report.text(report.summarise(dataset, "skeleton", entries))
    assert "people who are read: 2 (50%), 1 (50%)" in text
    assert "a single frame: 1, 1.avi" in text
    assert "3 frames without a joint, in videos: 1, 0.avi" in text
    assert "sets of copies, alike in all joints: 1, 0.avi = 1.avi" in text
    assert "sets of copies in two splits, which make a test too easy: 1, 0.avi = 1.avi" in text
