import itertools
from pathlib import Path

import cv2
import numpy as np
import pytest

from jaxvid.data import pipeline
from jaxvid.data.datasets import Clip
from jaxvid.data.pipeline import ClipSettings, Reading
from jaxvid.data.records import Record

SETTINGS = ClipSettings(num_frames=8, image_size=16, fps=0.0, augment=True)


def grey(value: int) -> bytes:
    """A JPEG file of one even shade, which survives compression."""
    return cv2.imencode(".jpg", np.full((20, 28, 3), value, np.uint8))[1].tobytes()


class Source:
    """Records in memory: frame t of video v is a plane of shade 10 v + t."""

    def __init__(self, lengths):
        self.records = [
            Record(f"v{v}", 25.0, [grey(10 * v + t) for t in range(length)])
            for v, length in enumerate(lengths)
        ]
        self.position = {record.id: i for i, record in enumerate(self.records)}

    def __getitem__(self, position):
        return self.records[position]


SOURCE = Source([12, 9, 8, 5, 10, 3, 12])
CLIPS = [Clip(Path(f"v{v}"), label=v, split="train", group="g") for v in range(7)]


def batches(first, last, seed=0, size=4, **reading):
    stream = pipeline.train_stream(
        SOURCE, CLIPS, SETTINGS, size, seed, first, last, Reading(2, 2, **reading)
    )
    return list(stream)


def assert_same(left, right):
    assert len(left) == len(right)
    for a, b in zip(left, right, strict=True):
        np.testing.assert_array_equal(a["label"], b["label"])
        np.testing.assert_array_equal(a["clip"], b["clip"])


def test_batch_n_is_the_same_wherever_reading_starts():
    whole = batches(0, 6)
    assert [b["clip"].shape for b in whole] == [(4, 8, 16, 16, 3)] * 6
    assert whole[0]["clip"].dtype == np.uint8
    assert_same(whole[3:], batches(3, 6))


def test_processes_share_the_same_batches():
    whole = batches(0, 4)
    parts = [batches(0, 4, process_index=p, process_count=2) for p in range(2)]
    joined = [
        {key: np.concatenate([a[key], b[key]]) for key in a} for a, b in zip(*parts, strict=True)
    ]
    assert_same(whole, joined)


def test_each_epoch_sees_every_clip_once_in_its_own_order():
    labels = np.concatenate([b["label"] for b in batches(0, 7)]).reshape(4, 7)
    assert all(sorted(epoch) == list(range(7)) for epoch in labels)
    assert len({tuple(epoch) for epoch in labels}) == 4


def test_seeds_give_other_batches():
    first, second = (np.concatenate([b["clip"] for b in batches(0, 7, seed=s)]) for s in (0, 1))
    assert (first != second).any()


def test_evaluation_sees_each_clip_once_and_fills_up():
    stream = pipeline.eval_stream(SOURCE, CLIPS, SETTINGS, 4, 2, Reading(2, 2))
    clips = np.concatenate([b["clip"] for b in stream])
    assert clips.shape == (8, 2, 8, 16, 16, 3)
    # The first frame of the first view: frame 0 of each video; the last video fills the batch up.
    shades = clips[:, 0, 0, 8, 8, 0].astype(int)
    np.testing.assert_allclose(shades, [0, 10, 20, 30, 40, 50, 60, 60], atol=1)
    # The last frame of the second view: the last of the video, or where a looped one ends.
    shades = clips[:7, 1, -1, 8, 8, 0].astype(int)
    np.testing.assert_allclose(shades, [11, 18, 27, 32, 49, 51, 71], atol=1)


def test_shuffling_keeps_the_frames_and_changes_their_order():
    def shades(seed):
        stream = pipeline.eval_stream(SOURCE, CLIPS, SETTINGS, 7, 1, Reading(2, 2), seed)
        return next(iter(stream))["clip"][:, 0, :, 8, 8, 0]

    plain, shuffled = shades(None), shades(0)
    assert (plain != shuffled).any()
    np.testing.assert_array_equal(np.sort(plain, 1), np.sort(shuffled, 1))


def test_without_augmentation_training_sees_the_centred_run():
    plain = ClipSettings(num_frames=8, image_size=16)
    clip = pipeline.train_clip(SOURCE[0], plain, np.random.default_rng(0))
    np.testing.assert_allclose(clip[:, 8, 8, 0].astype(int), range(2, 10), atol=1)


def test_slower_rate_is_sampled_before_the_run():
    slow = ClipSettings(num_frames=4, image_size=16, fps=12.5)
    clip = pipeline.eval_clip(SOURCE[0], slow, views=1)[0]
    np.testing.assert_allclose(clip[:, 8, 8, 0].astype(int), [2, 4, 6, 8], atol=1)


@pytest.mark.parametrize("threads", [1, 4])
def test_threads_change_nothing(threads):
    stream = pipeline.train_stream(SOURCE, CLIPS, SETTINGS, 4, 0, 0, 3, Reading(threads, 3))
    assert_same(list(itertools.islice(stream, 3)), batches(0, 3))
