from pathlib import Path

import cv2
import numpy as np
import pytest

from jaxvid.data import pipeline, records
from jaxvid.data.clip_cutting import ClipSettings
from jaxvid.data.datasets import Dataset, Video
from jaxvid.data.modalities import Rgb
from jaxvid.data.prepare import preparation
from jaxvid.data.records import RecordSource

RGB = Rgb(36, 95)


@pytest.fixture
def source(tmp_path, monkeypatch) -> RecordSource:
    """A short video of one record, and a long one of many; frame t has the even shade t."""
    monkeypatch.setattr(records, "SEGMENT", 10_000)
    clips = []
    for name, length in (("long.avi", 250), ("short.avi", 9)):
        code = cv2.VideoWriter_fourcc(*"FFV1")
        writer = cv2.VideoWriter(str(tmp_path / name), cv2.CAP_FFMPEG, code, 25, (48, 36))
        for t in range(length):
            writer.write(np.full((36, 48, 3), t, np.uint8))
        writer.release()
        clips.append(Video(Path(name), 0, "train", "g"))
    dataset = Dataset("toy", tmp_path, ("one",), tuple(clips))
    # In this process, where the limit is lower.
    monkeypatch.setattr(preparation.process_pool, "each", lambda f, tasks, *_: in_process(f, tasks))
    return RecordSource(preparation.prepare(dataset, RGB, tmp_path / "cache"), RGB)


def in_process(function, tasks):
    for task in tasks:
        list(function(task))
        yield task, None


def shades(frames, indices) -> list[int]:
    return [int(picture[18, 24, 0]) for picture in RGB.read(frames, np.array(indices))]


def test_long_videos_are_several_records_and_read_like_one(source):
    assert len(source.position["short.avi"].counts) == 1
    counts = source.position["long.avi"].counts
    assert len(counts) > 10
    assert sum(counts) == 250
    frames = source["long.avi"].frames
    assert len(frames) == 250
    for indices in (range(250), range(0, 250, 17), [249, 0, 130]):
        np.testing.assert_allclose(shades(frames, indices), list(indices), atol=1)
    with pytest.raises(IndexError, match="frame 250 of 250"):
        frames[250]


def test_a_clip_reads_no_more_than_it_shows(source, monkeypatch):
    read, all_of_it = [], source._read
    monkeypatch.setattr(source, "_read", lambda *a: read.append(a[2]) or all_of_it(*a))
    settings = ClipSettings(num_frames=8, image_size=32)
    clip = pipeline.eval_clip([(RGB, source["long.avi"])], settings, views=1)
    assert len(read) <= 2
    np.testing.assert_allclose(clip[0, :, 16, 16, 0].astype(int), range(121, 129), atol=1)
