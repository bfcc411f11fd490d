from pathlib import Path

import cv2
import numpy as np
import pytest

from jaxvid.data.video import VideoError
from jaxvid.errors import UserError
from jaxvid.inference import video_files


@pytest.fixture
def folder(tmp_path) -> Path:
    """Videos, a folder of frames, joints, hidden files and others."""
    for name in ("b.avi", "inside/[a].AVI", "inside/n.skeleton", ".hidden.mp4", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "frames").mkdir()
    for i in range(3):
        cv2.imwrite(str(tmp_path / "frames" / f"{i}.png"), np.zeros((8, 8, 3), np.uint8))
    return tmp_path


def test_videos_are_found_once_and_in_order(tiny, folder):
    notes, inside = folder / "notes.txt", folder / "inside" / "[a].AVI"
    found = video_files.find([str(notes), str(inside), str(folder)], tiny)
    assert list(found.videos.items()) == [
        (notes, Path("notes.txt")),
        (inside, Path("[a].AVI")),
        (folder / "b.avi", Path("b.avi")),
        (folder / "frames", Path("frames")),
    ]
    assert found.wrong == {}
    (one,) = video_files.find([str(folder / "frames")], tiny).videos.items()
    assert one == (folder / "frames", Path("frames"))


def test_what_is_wrong_stands_beside_what_is_found(tiny, folder):
    (folder / "empty").mkdir()
    found = video_files.find([str(folder / n) for n in ("gone.mp4", "empty", "b.avi")], tiny)
    assert list(found.videos) == [folder / "b.avi"]
    assert found.wrong[folder / "gone.mp4"] == "it does not exist"
    assert found.wrong[folder / "empty"].startswith("it holds no video: nothing there ends in .3gp")
    with pytest.raises(UserError, match="no video is named"):
        video_files.find([], tiny)


def test_a_model_of_joints_reads_files_of_joints(tiny, folder):
    with tiny.unlocked():
        tiny.data.modality, tiny.data.dataset = "skeleton", "ntu60"
    found = video_files.find([str(folder), str(folder / "b.avi")], tiny)
    assert list(found.videos) == [folder / "inside" / "n.skeleton"]
    assert (
        "the model reads joints, from files that end in .skeleton" in found.wrong[folder / "b.avi"]
    )


def test_results_come_in_turn_and_end_with_a_reason(tiny):
    def produce(path):
        yield from range(int(path.name))
        if path.name == "2":
            raise VideoError("broken here")

    tiny.data.threads = 2
    paths = [Path("1"), Path("2"), Path("3")]
    read = list(video_files.read(paths, produce, tiny))
    assert read == list(video_files.read(paths, produce, tiny))
    for path in paths:
        *results, end = [item for each, item in read if each == path]
        assert results == list(range(int(path.name)))
        assert end == video_files.End("broken here" if path.name == "2" else "")

    def bug(path):
        yield 1
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(video_files.read(paths, bug, tiny))
