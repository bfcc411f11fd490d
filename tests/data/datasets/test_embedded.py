import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from jaxvid.data.datasets import embedded

SMALL = {"classes": ("Walk", "Handshake"), "groups": 3, "clips_per_group": 2}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return embedded.generate(tmp_path_factory.mktemp("embedded") / "data", workers=1, **SMALL)


def read_video(path):
    reader = cv2.VideoCapture(str(path))
    rate = reader.get(cv2.CAP_PROP_FPS)
    frames = []
    while True:
        read, frame = reader.read()
        if not read:
            return np.stack(frames)[..., ::-1], rate
        frames.append(frame)


def test_names():
    assert len(embedded.CLASSES) >= 14
    assert embedded.DEFAULT_CLASSES == (
        "Walk",
        "JumpingJack",
        "Wave",
        "SitDown",
        "StandUp",
        "PickUp",
        "PutDown",
        "PunchStraight",
        "PunchUppercut",
        "Kick",
    )
    assert set(embedded.DEFAULT_CLASSES) <= set(embedded.CLASSES)


def test_layout_is_that_of_ucf101(root):
    videos = sorted(p.relative_to(root).as_posix() for p in root.rglob("*.avi"))
    assert len(videos) == 2 * 3 * 2
    assert videos[-1] == "UCF-101/Walk/v_Walk_g03_c02.avi"
    lists = root / "ucfTrainTestlist"
    assert (lists / "classInd.txt").read_text() == "1 Walk\n2 Handshake\n"
    assert sorted(p.name for p in lists.iterdir()) == [
        "classInd.txt",
        *(f"testlist{n:02d}.txt" for n in (1, 2, 3)),
        *(f"trainlist{n:02d}.txt" for n in (1, 2, 3)),
    ]
    assert (lists / "trainlist01.txt").read_text().splitlines()[0] == "Walk/v_Walk_g02_c01.avi 1"
    assert (lists / "testlist01.txt").read_text().splitlines()[0] == "Walk/v_Walk_g01_c01.avi"
    for split in (1, 2, 3):
        train = (lists / f"trainlist{split:02d}.txt").read_text().splitlines()
        test = (lists / f"testlist{split:02d}.txt").read_text().splitlines()
        listed = [line.split()[0] for line in train + test]
        assert sorted(f"UCF-101/{name}" for name in listed) == videos


def test_nothing_but_the_dataset_is_left_behind(root):
    names = {p.suffix for p in root.rglob("*") if p.is_file()}
    assert names == {".avi", ".npz", ".txt", ".json"}
    assert not [p for p in root.rglob(".*")]
    assert json.loads((root / "dataset.json").read_text())["groups"] == 3


def test_videos_and_joints_are_what_was_rendered(root):
    frames, joints = embedded.render_clip("Handshake", 2, 1, level="easy", seed=0)
    path = root / "UCF-101/Handshake/v_Handshake_g02_c01.avi"
    decoded, rate = read_video(path)
    assert rate == 25.0
    assert decoded.shape == frames.shape and frames.shape[1:] == (120, 160, 3)
    assert np.abs(decoded.astype(int) - frames).mean() < 6
    with np.load(path.with_suffix(".joints.npz")) as stored:
        np.testing.assert_array_equal(stored["joints"], joints)
    assert joints.dtype == np.float32 and joints.shape == (2, len(frames), 18, 2)


@pytest.mark.parametrize("level", ["easy", "hard"])
def test_rendering_depends_on_its_arguments_only(level):
    first, joints = embedded.render_clip("PickUp", 4, 2, level=level, seed=5)
    other, _ = embedded.render_clip("PickUp", 4, 3, level=level, seed=5)
    embedded.clip.setting.cache_clear()
    again, joints_again = embedded.render_clip("PickUp", 4, 2, level=level, seed=5)
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(joints, joints_again)
    assert first.shape != other.shape or np.any(first != other)


@pytest.mark.parametrize("groups", [2, 3, 4, 10, 25, 26, 50])
def test_no_split_shares_a_group(groups):
    for split in (1, 2, 3):
        test = set(embedded.held_out_groups(split, groups))
        assert test and test < set(range(1, groups + 1))


def test_splits_of_25_groups_are_those_of_ucf101():
    spans = [embedded.held_out_groups(split, 25) for split in (1, 2, 3)]
    assert [(span[0], span[-1]) for span in spans] == [(1, 7), (8, 14), (15, 21)]


def test_finished_dataset_is_returned_at_once(root, monkeypatch):
    monkeypatch.setattr(embedded, "_render_all", lambda *_: pytest.fail("rendered again"))
    assert embedded.generate(root, **SMALL) == root


def test_other_arguments_are_refused(root):
    with pytest.raises(ValueError, match=r"seed is 0, requested 7"):
        embedded.generate(root, seed=7, **SMALL)


def test_foreign_folder_is_refused(tmp_path):
    (tmp_path / "UCF-101").mkdir()
    with pytest.raises(ValueError, match="was not made here"):
        embedded.generate(tmp_path, **SMALL)


@pytest.fixture
def in_this_process(monkeypatch):
    """Calls what the worker processes would, here, where it can be patched."""

    def run(function, tasks, workers, name):
        return ((task, function(task)) for task in tasks)

    monkeypatch.setattr(embedded.process_pool, "run", run)


def test_interrupted_run_resumes(tmp_path, monkeypatch, in_this_process):
    arguments = {"classes": ("Kick",), "groups": 2, "clips_per_group": 2}
    render, done = embedded.render_clip, []

    def fail_at_third(name, group, index, **options):
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append((group, index))
        return render(name, group, index, **options)

    monkeypatch.setattr(embedded, "render_clip", fail_at_third)
    with pytest.raises(KeyboardInterrupt):
        embedded.generate(tmp_path, **arguments)
    assert not (tmp_path / "dataset.json").exists()
    with pytest.raises(ValueError, match="level is 'easy', requested 'hard'"):
        embedded.generate(tmp_path, level="hard", **arguments)
    kept = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.avi")}
    monkeypatch.setattr(embedded, "render_clip", render)
    embedded.generate(tmp_path, **arguments)
    assert len(kept) == 2 and all(p.stat().st_mtime_ns == when for p, when in kept.items())
    assert len(list(tmp_path.rglob("*.avi"))) == 4


class SilentWriter:
    """Writes nothing and says nothing, as OpenCV's does on a full disk."""

    def __init__(self, path, *_):
        Path(path).write_bytes(b"")

    def isOpened(self):
        return True

    def write(self, frame):
        pass

    def release(self):
        pass


def test_silent_failure_to_write_names_the_file(tmp_path, monkeypatch, in_this_process):
    monkeypatch.setattr(embedded.cv2, "VideoWriter", SilentWriter)
    with pytest.raises(OSError, match=r"v_Walk_g01_c01\.avi: only 0 bytes"):
        embedded.generate(tmp_path, **SMALL)
    assert not list(tmp_path.rglob("*.avi"))


def test_worker_processes_write_the_same_files(root, tmp_path):
    arguments = {"classes": ("Walk",), "groups": 2, "clips_per_group": 1}
    embedded.generate(tmp_path, workers=2, **arguments)
    for path in tmp_path.rglob("*.avi"):
        assert path.read_bytes() == (root / path.relative_to(tmp_path)).read_bytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"classes": ("Walk", "Fly")}, r"unknown classes \['Fly'\]; the known ones are Walk, "),
        ({"classes": ("Walk", "Walk")}, "must be distinct"),
        ({"classes": ()}, "at least one"),
        ({"classes": "Walk"}, "sequence of names"),
        ({"level": "medium"}, "known ones are easy, hard"),
        ({"groups": 1}, "groups must be at least 2"),
        ({"clips_per_group": 0}, "clips_per_group must be at least 1"),
        ({"seed": -1}, "seed must be at least 0"),
    ],
)
def test_arguments_out_of_range(tmp_path, arguments, message):
    with pytest.raises(ValueError, match=message):
        embedded.generate(tmp_path / "data", **arguments)
    assert not (tmp_path / "data").exists()
