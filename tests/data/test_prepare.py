import json
import resource
import signal
from pathlib import Path

import cv2
import numpy as np
import pytest

from jaxvid.data import prepare, records, streams, video
from jaxvid.data.datasets import Clip, Dataset
from jaxvid.errors import UserError

STREAM = streams.Rgb(short_side=24, jpeg_quality=95)


def write_video(path: Path, length: int, size: tuple[int, int] = (48, 36)) -> None:
    """Frame t is of the even shade 8 t."""
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 25, size)
    for t in range(length):
        writer.write(np.full((size[1], size[0], 3), 8 * t, np.uint8))
    writer.release()


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    folder = tmp_path / "videos"
    for number in range(5):
        write_video(folder / f"v{number}.avi", 4 + number)
    paths = sorted(folder.glob("*.avi"))
    clips = tuple(Clip(p.relative_to(folder), 0, "train", "g") for p in paths)
    return Dataset("toy", folder, ("one",), clips)


def run(dataset: Dataset, cache: Path, stream: streams.Stream = STREAM) -> Path:
    return prepare.prepare(dataset, stream, cache, workers=1, clips_per_shard=2)


def content(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir()}


def test_every_frame_of_every_video_is_there(dataset, tmp_path):
    folder = run(dataset, tmp_path / "cache")
    source = records.RecordSource(folder, STREAM)
    assert len(source.position) == 5
    for number in range(5):
        record = source[f"v{number}.avi"]
        assert record.fps == 25
        frames = STREAM.read(record.frames, np.arange(len(record.frames)))
        assert frames.shape == (4 + number, 24, 32, 3)
        shades = [int(f[12, 16, 0]) for f in frames]
        np.testing.assert_allclose(shades, 8 * np.arange(4 + number), atol=2)


def test_bad_videos_are_named_and_skipped(dataset, tmp_path, caplog):
    (dataset.folder / "v1.avi").write_bytes(b"")
    (dataset.folder / "v3.avi").write_text("this is no video")
    (dataset.folder / "v4.avi").unlink()
    (dataset.folder / "v4.avi").symlink_to("gone.avi")
    folder = run(dataset, tmp_path / "cache")
    failures = {
        f["id"]: f["reason"] for f in json.loads((folder / "manifest.json").read_text())["failures"]
    }
    assert failures == {
        "v1.avi": "the file is empty",
        "v3.avi": "not a video that OpenCV can open",
        "v4.avi": failures["v4.avi"],
    }
    assert "No such file" in failures["v4.avi"]
    assert set(records.RecordSource(folder, STREAM).position) == {"v0.avi", "v2.avi"}
    assert "skipped v1.avi: the file is empty" in caplog.text
    assert "3 of 5 videos do not decode" in caplog.text


def test_no_video_that_decodes_is_an_error(dataset, tmp_path):
    for path in dataset.folder.iterdir():
        path.write_text("no video")
    with pytest.raises(UserError, match="none of the 5 videos"):
        run(dataset, tmp_path / "cache")


def test_a_video_that_ends_early_keeps_its_whole_frames(dataset, tmp_path):
    path = dataset.folder / "v4.avi"
    write_video(path, 30)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 3 // 4])
    folder = run(dataset, tmp_path / "cache")
    source = records.RecordSource(folder, STREAM)
    assert 0 < len(source["v4.avi"].frames) < 30


def written(folder: Path) -> dict[str, int]:
    return {p.name: p.stat().st_mtime_ns for p in folder.iterdir()}


def test_what_is_prepared_is_not_prepared_again(dataset, tmp_path):
    folder = run(dataset, tmp_path / "cache")
    before = written(folder)
    assert run(dataset, tmp_path / "cache") == folder
    assert written(folder) == before


def test_other_content_or_settings_go_elsewhere(dataset, tmp_path):
    cache = tmp_path / "cache"
    first = run(dataset, cache)
    other = run(dataset, cache, streams.Rgb(20, 95))
    write_video(dataset.folder / "v0.avi", 9)
    third = run(dataset, cache)
    assert len({first, other, third}) == 3


def test_an_interrupted_preparation_continues(dataset, tmp_path):
    folder = run(dataset, tmp_path / "cache")
    whole, before = content(folder), written(folder)
    # As a kill leaves it: one shard whole, one without its note, one half-written, no manifest.
    (folder / "manifest.json").unlink()
    (folder / "shard-00001.json").unlink()
    half = folder / "shard-00002.arrayrecord"
    half.write_bytes(half.read_bytes()[:-100])
    assert run(dataset, tmp_path / "cache") == folder
    assert content(folder) == whole
    after = written(folder)
    again = {name for name in whole if after[name] != before[name]}
    assert "shard-00000.arrayrecord" not in again
    assert {"shard-00001.arrayrecord", "shard-00002.arrayrecord", "manifest.json"} <= again


def test_a_damaged_shard_is_not_read(dataset, tmp_path):
    folder = run(dataset, tmp_path / "cache")
    shard = folder / "shard-00001.arrayrecord"
    shard.write_bytes(shard.read_bytes()[:-1])
    with pytest.raises(UserError, match=r"shard-00001.arrayrecord is missing or damaged"):
        records.RecordSource(folder, STREAM)


def test_a_disk_that_takes_no_more_leaves_nothing_half_written(dataset, tmp_path):
    ids = tuple(clip.id for clip in dataset.clips)
    shard = prepare._Shard(tmp_path / "shard-00000.arrayrecord", dataset.folder, ids, STREAM)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        with pytest.raises(OSError, match="could not be written"):
            prepare._write_shard(shard)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert [p.name for p in tmp_path.iterdir()] == ["videos"]


def test_decoding_equals_a_sequential_read(dataset):
    path = dataset.folder / "v4.avi"
    capture = cv2.VideoCapture(str(path))
    for frame in video.decode(path):
        np.testing.assert_array_equal(frame, capture.read()[1])
    assert not capture.read()[0]


def test_frames_only_shrink():
    frame = np.zeros((48, 64, 3), np.uint8)
    assert video.resize_short_side(frame, 24).shape == (24, 32, 3)
    assert video.resize_short_side(frame.transpose(1, 0, 2), 24).shape == (32, 24, 3)
    assert video.resize_short_side(frame, 50) is frame
