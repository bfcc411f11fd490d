from pathlib import Path

import cv2
import numpy as np
import pytest

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
    assert found.invalid == {}
    (one,) = video_files.find([str(folder / "frames")], tiny).videos.items()
    assert one == (folder / "frames", Path("frames"))


def test_invalid_arguments_stand_beside_the_videos(tiny, folder):
    (folder / "empty").mkdir()
    found = video_files.find([str(folder / n) for n in ("gone.mp4", "empty", "b.avi")], tiny)
    assert list(found.videos) == [folder / "b.avi"]
    assert found.invalid[folder / "gone.mp4"] == "it does not exist"
    assert found.invalid[folder / "empty"] == "it holds no video and no image"
    (folder / "empty" / "list.txt").touch()
    found = video_files.find([str(folder / "empty")], tiny)
    assert found.invalid == {folder / "empty": "it holds no video and no image, but 1 .txt"}
    with pytest.raises(UserError, match="no video is named"):
        video_files.find([], tiny)


def test_what_is_left_out_of_folders_is_counted_by_kind(tiny, folder):
    for name in ("a.divx", "b.GIF", "inside/c.m2t", "d.3g2", "e.f4v", "f.dv"):
        (folder / name).touch()
    for name in ("more.txt", "inside/LICENSE", "inside/cover.jpg", "song.m4a", "a.srt"):
        (folder / name).touch()
    found = video_files.find([str(folder)], tiny)
    names = {path.name for path in found.videos}
    assert names == {
        *("b.avi", "[a].AVI", "frames", "a.divx", "b.GIF", "c.m2t", "d.3g2", "e.f4v"),
        "f.dv",
    }
    expected = {".txt": 2, "without a suffix": 1, ".jpg": 1, ".skeleton": 1, ".m4a": 1, ".srt": 1}
    assert found.left_out == expected


def test_a_model_of_joints_reads_files_of_joints(tiny, folder):
    with tiny.unlocked():
        tiny.data.modality, tiny.data.dataset = "skeleton", "ntu60"
    found = video_files.find([str(folder), str(folder / "b.avi")], tiny)
    assert list(found.videos) == [folder / "inside" / "n.skeleton"]
    assert (
        "the model reads joints and no videos: it must be a file that ends in .skeleton"
        in found.invalid[folder / "b.avi"]
    )


def test_clips_come_in_turn(tiny):
    def cut(path):
        yield from enumerate("abc"[: int(path.name)])

    tiny.data.threads = 2
    paths = [Path("1"), Path("2"), Path("3")]
    read = list(video_files.infer(iter, cut, tiny, paths, {}))
    assert read == list(video_files.infer(iter, cut, tiny, paths, {}))
    assert [path.name for path, *_ in read[:3]] == ["1", "2", "2"]
    for path in paths:
        clips = [(place, clip) for each, place, clip in read if each == path]
        assert clips == list(enumerate("abc"[: int(path.name)]))

    def bug(path):
        yield 1, "a"
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(video_files.infer(iter, bug, tiny, paths, {}))


def test_videos_that_do_not_decode_are_skipped_and_counted(tiny):
    def cut(path):
        yield "first", path.name
        if path.name == "2":
            raise OSError("gone")

    def forward(clips):
        for key, clip in clips:
            yield key, {} if clip is None else {"twice": clip * 2}

    done = []
    paths = [Path("1"), Path("2"), Path("3")]
    found, skipped = video_files.collect(forward, cut, tiny, paths, done.append)
    assert found == {path: [("first", {"twice": path.name * 2})] for path in paths[::2]}
    assert skipped == {Path("2"): "gone"}
    assert sorted(done) == paths


def test_outputs_have_names_of_their_own(tmp_path):
    videos = {Path("a/x.mp4"): Path("x.mp4"), Path("y.avi"): Path("sub/y.avi")}
    names = video_files.outputs_of(videos, tmp_path, ".mp4")
    assert list(names.values()) == [tmp_path / "x.mp4", tmp_path / "sub" / "y.avi.mp4"]
    with pytest.raises(UserError, match=r"a/x.mp4 and b/x.mp4 would both be .*x.mp4: name"):
        video_files.outputs_of({**videos, Path("b/x.mp4"): Path("x.mp4")}, tmp_path, ".mp4")
