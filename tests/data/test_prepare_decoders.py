"""Preparation where decoders crash, hang, are killed, or have a bug."""

import errno
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import pytest
from traps import Trap

from jaxvid.data import modalities, records
from jaxvid.data.datasets import Dataset, Video
from jaxvid.data.prepare import preparation, shards

TRAP = Trap(24, 95)


@dataclass(frozen=True)
class Absent(modalities.Rgb):
    """A disk that is not there for v2.avi the first time, nor the first two for unlucky.avi."""

    name: ClassVar[str] = "absent"

    def encode(self, path: Path, facts=None, span=None) -> Iterator[bytes]:
        for mark in {"v2": (1,), "unlucky": (1, 2)}.get(path.stem, ()):
            if not path.with_suffix(f".{mark}").exists():
                path.with_suffix(f".{mark}").touch()
                raise OSError(errno.ESTALE, "Stale file handle")
        yield from super().encode(path, facts, span)


@pytest.fixture
def trapped(dataset) -> Dataset:
    """The five videos, and four more whose decoder dies or hangs, one of them but once."""
    for name in ("abort", "hang", "hungry", "unlucky"):
        shutil.copy(dataset.folder / "v0.avi", dataset.folder / f"{name}.avi")
    paths = sorted(dataset.folder.glob("*.avi"))
    clips = tuple(Video(p.relative_to(dataset.folder), 0, "train", "g") for p in paths)
    return replace(dataset, videos=clips)


REASONS = {
    "abort.avi": "its decoder crashed (SIGABRT)",
    "hang.avi": "its decoder made no progress for 3 s",
    "hungry.avi": "its decoder was killed (SIGKILL): for want of memory?",
}


def test_decoders_that_crash_or_hang_cost_their_video_alone(trapped, tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(preparation, "PATIENCE", 3.0)
    folder = preparation.prepare(trapped, TRAP, tmp_path / "cache", workers=2)
    manifest = json.loads((folder / "manifest.json").read_text())
    assert {f["id"]: f["reason"] for f in manifest["failures"]} == REASONS
    source = records.RecordSource(folder, TRAP)
    assert set(source.position) == {*(f"v{n}.avi" for n in range(5)), "unlucky.avi"}
    assert all(len(source[f"v{n}.avi"].frames) == 4 + n for n in range(5))
    assert "skipped hang.avi: its decoder made no progress for 3 s" in caplog.text
    assert not list(folder.parent.glob(".*"))  # what the dead had half-written


def test_what_failed_for_a_reason_outside_is_tried_again_when_asked(trapped, tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "VIDEOS", (1, 1))
    trapped = replace(trapped, videos=tuple(c for c in trapped.videos if c.id[0] in "vu"))
    (trapped.folder / "v1.avi").write_text("no video")

    def failed(retry: bool) -> set[str]:
        folder = preparation.prepare(trapped, Absent(24, 95), tmp_path / "cache", 1, retry)
        failures = json.loads((folder / "manifest.json").read_text())["failures"]
        decoded = records.RecordSource(folder, Absent(24, 95)).position
        assert {f["id"] for f in failures} == {c.id for c in trapped.videos} - set(decoded)
        return {f["id"] for f in failures}

    assert failed(retry=False) == {"v1.avi", "v2.avi", "unlucky.avi"}
    assert failed(retry=False) == {"v1.avi", "v2.avi", "unlucky.avi"}
    assert failed(retry=True) == {"v1.avi", "unlucky.avi"}
    assert failed(retry=True) == {"v1.avi"}
    shards_there = len(list((tmp_path / "cache").rglob("shard-*.json")))
    assert failed(retry=True) == {"v1.avi"}
    assert len(list((tmp_path / "cache").rglob("shard-*.json"))) == shards_there


def test_a_bug_in_a_decoder_is_an_error(dataset, tmp_path):
    (dataset.folder / "v3.avi").rename(dataset.folder / "bug.avi")
    clips = (replace(dataset.videos[0], path=Path("bug.avi")), *dataset.videos[:2])
    with pytest.raises(ZeroDivisionError, match="a bug"):
        preparation.prepare(replace(dataset, videos=clips), TRAP, tmp_path / "cache", workers=1)
    assert not list((tmp_path / "cache").rglob("*shard-*"))


def test_a_check_finds_the_same_and_writes_nothing(trapped, tmp_path, monkeypatch):
    monkeypatch.setattr(preparation, "PATIENCE", 3.0)
    (trapped.folder / "v2.avi").write_text("no video")
    before = set(tmp_path.rglob("*"))
    found = preparation.check(trapped, TRAP, workers=2)
    (trapped.folder / "unlucky.met").unlink()
    assert set(tmp_path.rglob("*")) == before
    # There is no second chance: nothing is lost by checking again.
    killed = [REASONS["hungry.avi"]]
    assert found["failures"] == {
        killed[0]: ["hungry.avi", "unlucky.avi"],
        REASONS["abort.avi"]: ["abort.avi"],
        REASONS["hang.avi"]: ["hang.avi"],
        "not a video that FFmpeg can open: Invalid data found when processing input": ["v2.avi"],
    }
    assert (found["videos"], found["decoded"], found["frames"]) == (9, 4, 4 + 5 + 7 + 8)
