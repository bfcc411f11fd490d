import itertools
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from jaxvid.data import pipeline
from jaxvid.data.clip_cutting import ClipSettings
from jaxvid.data.datasets import Video
from jaxvid.data.flow import quantise
from jaxvid.data.modalities import Flow, Rgb, Skeletons
from jaxvid.data.pipeline import Reading
from jaxvid.data.records import Record
from jaxvid.errors import UserError

SETTINGS = ClipSettings(num_frames=8, image_size=16, fps=0.0, augment=True)


def grey(value: int) -> bytes:
    """A JPEG file of one even shade, which survives compression."""
    return cv2.imencode(".jpg", np.full((20, 28, 3), value, np.uint8))[1].tobytes()


# Videos in memory: frame t of video v is a plane of shade 10 v + t.
SOURCE = {
    f"v{v}": [(Rgb(20, 95), Record(f"v{v}", 25.0, [grey(10 * v + t) for t in range(length)]))]
    for v, length in enumerate([12, 9, 8, 5, 10, 3, 12])
}
VIDEOS = [Video(Path(f"v{v}"), label=v, split="train", group="g") for v in range(7)]


def batches(first, last, seed=0, size=4, **reading):
    reading = Reading(2, 2, **reading)
    return list(pipeline.train_batches(SOURCE, VIDEOS, SETTINGS, size, seed, first, last, reading))


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
    found = pipeline.eval_batches(SOURCE, VIDEOS, SETTINGS, 4, 2, Reading(2, 2))
    clips = np.concatenate([b["clip"] for b in found])
    assert clips.shape == (8, 2, 8, 16, 16, 3)
    # The first frame of the first view: frame 0 of each video; the last video fills the batch up.
    shades = clips[:, 0, 0, 8, 8, 0].astype(int)
    np.testing.assert_allclose(shades, [0, 10, 20, 30, 40, 50, 60, 60], atol=1)
    # The last frame of the second view: the last of the video, or where a looped one ends.
    shades = clips[:7, 1, -1, 8, 8, 0].astype(int)
    np.testing.assert_allclose(shades, [11, 18, 27, 32, 49, 51, 71], atol=1)


def test_shuffling_keeps_the_frames_and_changes_their_order():
    def shades(seed):
        found = pipeline.eval_batches(SOURCE, VIDEOS, SETTINGS, 7, 1, Reading(2, 2), seed)
        return next(iter(found))["clip"][:, 0, :, 8, 8, 0]

    plain, shuffled = shades(None), shades(0)
    assert (plain != shuffled).any()
    np.testing.assert_array_equal(np.sort(plain, 1), np.sort(shuffled, 1))


def test_without_augmentation_training_sees_the_centred_run():
    plain = ClipSettings(num_frames=8, image_size=16)
    clip = pipeline.train_clip(SOURCE["v0"], plain, np.random.default_rng(0))
    np.testing.assert_allclose(clip[:, 8, 8, 0].astype(int), range(2, 10), atol=1)


def test_slower_rate_is_sampled_before_the_run():
    slow = ClipSettings(num_frames=4, image_size=16, fps=12.5)
    clip = pipeline.eval_clip(SOURCE["v0"], slow, views=1)[0]
    np.testing.assert_allclose(clip[:, 8, 8, 0].astype(int), [2, 4, 6, 8], atol=1)


def test_a_varying_rate_is_sampled_by_the_clock():
    times = np.array([0.0, 0.1, 0.2, 0.3, 0.8, 1.3, 1.8, 1.9])  # seconds
    frames = [grey(10 * t) for t in range(8)]
    video = [(Rgb(20, 95), Record("v", 7 / 1.9, frames, times))]
    settings = ClipSettings(num_frames=4, image_size=16, fps=2.0)
    clip = pipeline.eval_clip(video, settings, views=1)[0]
    # What is on screen at 0, 0.5, 1 and 1.5 seconds.
    np.testing.assert_allclose(clip[:, 8, 8, 0].astype(int), [0, 30, 40, 50], atol=1)


@pytest.mark.parametrize("threads", [1, 4])
def test_threads_change_nothing(threads):
    found = pipeline.train_batches(SOURCE, VIDEOS, SETTINGS, 4, 0, 0, 3, Reading(threads, 3))
    assert_same(list(itertools.islice(found, 3)), batches(0, 3))


# Three modalities of one video: shades as above, a flow of (2, 1) everywhere, joints moving right.
FLOW = Flow(20, 95, "dis", 4.0)
SKELETONS = Skeletons("embedded", people=1)


def moving(length):
    stored = quantise(np.full((20, 28, 2), (2.0, 1.0), np.float32), FLOW.bound)
    image = cv2.imencode(".png", np.concatenate([stored[..., 0], stored[..., 1]]))[1].tobytes()
    joints = [np.full((1, 18, 3), (t / 100, 0.5, 1), np.float32).tobytes() for t in range(length)]
    return [
        (Rgb(20, 95), Record("v", 25.0, [grey(10 * t) for t in range(length)])),
        (FLOW, Record("v", 25.0, [image] * length)),
        (SKELETONS, Record("v", 25.0, joints)),
    ]


def test_modalities_share_frames_and_crop():
    settings = ClipSettings(num_frames=8, image_size=16, augment=True)
    clip = pipeline.eval_clip(moving(12), settings, views=1)
    assert {name: a.shape[1:] for name, a in clip.items()} == {
        "rgb": (8, 16, 16, 3),
        "flow": (8, 16, 16, 2),
        "skeleton": (8, 1, 18, 3),
    }
    shades = clip["rgb"][0, :, 8, 8, 0].astype(int)
    np.testing.assert_allclose(shades, 10 * np.arange(2, 10), atol=1)
    np.testing.assert_allclose(clip["skeleton"][0, :, 0, 0, 0], np.arange(2, 10) / 100)


def test_resized_flow_has_its_vectors_scaled():
    settings = ClipSettings(num_frames=4, image_size=14)  # 20x28 becomes 14x14
    flow = pipeline.eval_clip(moving(6), settings, views=1)["flow"] / 127.5 - 1
    np.testing.assert_allclose(flow[..., 0], 2 / 4 * 14 / 28, atol=0.01)
    np.testing.assert_allclose(flow[..., 1], 1 / 4 * 14 / 20, atol=0.01)


def test_stacked_flow_is_centred_on_its_frame():
    def image(t):
        return cv2.imencode(".png", np.full((40, 28), 10 * t, np.uint8))[1].tobytes()

    record = Record("v", 25.0, [image(t) for t in range(12)])
    settings = ClipSettings(num_frames=3, image_size=20, augment=True, intervals=(4, 4))
    settings = replace(settings, flow_stack=4)
    flow = pipeline.eval_clip([(FLOW, record)], settings, views=1)[0]
    assert flow.shape == (3, 20, 20, 8)
    # Frames 4, 8, 12 of twelve, counted from 1, and the two flows on each side of each.
    around = np.minimum([[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12]], 11)
    np.testing.assert_allclose(flow[:, 0, 0, ::2], 10 * around, atol=1)
    np.testing.assert_allclose(flow[:, 0, 0, 1::2], 10 * around, atol=1)


def test_a_mirror_turns_all_modalities_together():
    # Bright on the right, so that a picture tells left from right, and top from bottom.
    picture = np.full((20, 28, 3), 40, np.uint8)
    picture[:10, 20:] = 200
    frame = cv2.imencode(".jpg", picture)[1].tobytes()
    rgb, *others = moving(8)
    video = [(rgb[0], Record("v", 25.0, [frame] * 8)), *others]
    settings = ClipSettings(num_frames=8, image_size=20, augment=True, mirror=True)
    clips = [pipeline.train_clip(video, settings, np.random.default_rng(s)) for s in range(12)]
    turned = [clip["flow"][..., 0].mean() / 127.5 - 1 < 0 for clip in clips]
    assert 0 < sum(turned) < 12
    for clip, is_turned in zip(clips, turned, strict=True):
        assert (clip["flow"][..., 1] > 127).all()
        assert (clip["skeleton"][-1, 0, :, 0] == np.float32(-0.07 if is_turned else 0.07)).all()
        corners = clip["rgb"][0, [0, 0, -1, -1], [0, -1, 0, -1], 0] > 120
        assert corners.tolist() == [is_turned, not is_turned, False, False]


class Dying(Rgb):
    """A modality whose reading dies of something."""

    def __init__(self, error: Exception):
        super().__init__(20, 95)
        object.__setattr__(self, "error", error)

    def read(self, frames, indices, cut):
        raise self.error


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            MemoryError(),
            r"video v3 could not be read because memory ran out; with a smaller .*threads",
        ),
        (IndexError("gone"), r"video v3 could not be read \(IndexError: gone\)"),
    ],
)
def test_a_thread_that_dies_names_the_clip(error, said):
    [(_, record)] = SOURCE["v3"]
    source = {**SOURCE, "v3": [(Dying(error), record)]}
    with pytest.raises(UserError, match=said):
        list(pipeline.train_batches(source, VIDEOS, SETTINGS, 4, 0, 0, 2, Reading(2, 2)))
    with pytest.raises(UserError, match=said):
        list(pipeline.eval_batches(source, VIDEOS, SETTINGS, 4, 1, Reading(2, 2)))


@pytest.mark.parametrize("frame", [b"no picture", b""])
def test_a_stored_frame_that_does_not_decode_names_the_clip_and_the_shard(frame):
    record = Record("v3", 25.0, [frame] * 9, shard=Path("a.arrayrecord"))
    source = {**SOURCE, "v3": [(Rgb(20, 95), record)]}
    said = r"prepared shard a.arrayrecord is damaged \(video v3: .*\); delete it, and the same"
    with pytest.raises(UserError, match=said):
        list(pipeline.train_batches(source, VIDEOS, SETTINGS, 4, 0, 0, 2, Reading(2, 2)))
    with pytest.raises(UserError, match=said):
        list(pipeline.eval_batches(source, VIDEOS, SETTINGS, 4, 1, Reading(2, 2)))
