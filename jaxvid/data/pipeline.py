"""Batches of clips from prepared records.

Training reads an endless numbered sequence of examples, and example `g` is a function of (seed, g)
alone: which video, which frames, which crop. Batch n is examples n*B to n*B + B - 1, of which
process p of P reads the p-th part. So a run continues at any step, on any number of processes, with
the examples that it would have read, and nothing about the input needs saving.
"""

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import grain.python as grain
import jax
import numpy as np

from jaxvid.data import augment, clip_cutting, sampling
from jaxvid.data.clip_cutting import Arrays, ClipSettings, VideoRecords
from jaxvid.data.damage import naming
from jaxvid.data.datasets import Video
from jaxvid.data.records import PreparedDataset
from jaxvid.runtime import files, process_pool

Batch = dict[str, Any]  # `clip` (Arrays) and, in training, `label`


@dataclass(frozen=True)
class Reading:
    """How batches are read: threads that decode, batches ahead, and this process's part of each."""

    threads: int = 0
    prefetch: int = 4
    process_index: int = 0
    process_count: int = 1


def train_batches(
    source: PreparedDataset,
    videos: list[Video],
    settings: ClipSettings,
    batch_size: int,
    seed: int,
    first: int,
    last: int,
    reading: Reading,
) -> Iterator[Batch]:
    """Yields the training batches `first` to `last - 1`.

    Every pass over the videos has an order of its own. A batch holds `clip`, which is rgb
    (b, T, H, W, 3) uint8, flow (b, T, H, W, 2 L) uint8, skeleton (b, T, M, V, 3) float32, or a map
    of several of them, and `label` (b,) int32; b is this process's part of `batch_size`.
    """

    def example(g: int) -> Batch:
        with naming(training_video(videos, seed, g).id):
            video, clip = training_example(source, videos, settings, seed, g)
        return {"clip": clip, "label": np.int32(video.label)}

    return batches(example, batch_size, first, last, reading)


def training_example(
    source: PreparedDataset, videos: list[Video], settings: ClipSettings, seed: int, g: int
) -> tuple[Video, Arrays]:
    """Returns example `g` of training: which video it is, and the clip that was cut from it."""
    video = training_video(videos, seed, g)
    if settings.draws is not None:
        number = draw_of(g, len(videos), settings.draws)
        return video, draw(source[video.id], settings, seed, video.id, number)
    rng = np.random.Generator(np.random.Philox(key=[seed, 1], counter=[0, 0, 0, g]))
    return video, train_clip(source[video.id], settings, rng)


def draw_of(g: int, videos: int, draws: int) -> int:
    """Returns the number of the draw of example `g`: each pass over the videos takes the next."""
    return g // videos % (draws + 1)


def draw(
    video: VideoRecords, settings: ClipSettings, seed: int, video_id: str, number: int
) -> Arrays:
    """Returns one of a video's training clips by its number; 0 is the one that evaluation sees."""
    if not number:
        return jax.tree.map(lambda views: views[0], eval_clip(video, settings, views=1))
    name = int(files.fingerprint(files.utf8(video_id))[:16], 16)
    rng = np.random.Generator(np.random.Philox(key=[seed, 2], counter=[0, 0, number, name]))
    return train_clip(video, settings, rng)


def training_video(videos: list[Video], seed: int, g: int) -> Video:
    """Returns which video example `g` of training is."""
    epoch, position = divmod(g, len(videos))
    return videos[_permutation(seed, epoch, len(videos))[position]]


def eval_batches(
    source: PreparedDataset,
    videos: list[Video],
    settings: ClipSettings,
    batch_size: int,
    views: int,
    reading: Reading,
    shuffle_seed: int | None = None,
) -> Iterator[Batch]:
    """Yields every video once, in order, in batches.

    A batch holds `clip`, as in training with an axis of V views after the first; the surplus places
    of the last batch repeat the last video. `shuffle_seed` puts each clip's frames in random order.
    """

    def example(g: int) -> Batch:
        video = videos[min(g, len(videos) - 1)]
        with naming(video.id):
            clip = eval_clip(source[video.id], settings, views)
        if shuffle_seed is not None:
            order = np.random.default_rng([shuffle_seed, g]).permutation(settings.num_frames)
            clip = jax.tree.map(lambda frames: frames[:, order], clip)
        return {"clip": clip}

    return batches(example, batch_size, 0, -(-len(videos) // batch_size), reading)


def train_clip(video: VideoRecords, settings: ClipSettings, rng: np.random.Generator) -> Arrays:
    """Returns a training clip of a video's modalities, without the axis of the batch.

    With augmentation: random frames, one of the three crops, and a mirror and a turn if `settings`
    say so; without: the middle frames, whole.
    """
    if not settings.augment:
        settings = replace(settings, crop="whole")
        return jax.tree.map(lambda views: views[0], eval_clip(video, settings, views=1))
    times, need = _times(video, settings), settings.num_frames
    if settings.least_share is not None:
        chosen = sampling.random_stretch(len(times), need, settings.least_share, rng)
    elif settings.intervals:
        chosen = sampling.random_interval(len(times), need, settings.intervals, rng)
    else:
        start = sampling.random_start(len(times), need, rng)
        chosen = sampling.consecutive(len(times), need, start)

    def crop(height: int, width: int) -> augment.Crop:
        return augment.any_crop(height, width, settings.image_size, rng)

    mirrored = settings.mirror and rng.integers(2) == 1
    turn = settings.joints.turn(rng)
    arrays = clip_cutting.cut(video, times, chosen[None], settings, crop, mirrored, turn)
    return jax.tree.map(lambda views: views[0], arrays)


def eval_clip(video: VideoRecords, settings: ClipSettings, views: int) -> Arrays:
    """Returns equally spaced views of a video's modalities, with an axis of them in front.

    Of each frame what `settings.crop` says, by default what training sees most: the middle square
    where it augments, else the whole frame scaled.
    """
    return _views(video, _times(video, settings), settings, views)


def window_clip(video: VideoRecords, settings: ClipSettings, start: int, length: int) -> Arrays:
    """Returns what `eval_clip` cuts as one view of a video that is a window of this one.

    The window has `length` frames at `settings.fps` from the one of number `start` on. Optical flow
    around its first and last frames comes from beyond it, where the video goes on. No other frames
    of the records are read.
    """
    _, record = video[0]
    places = start + np.arange(length)
    times = sampling.on_screen(places, record.fps, settings.fps, record.times)
    return _views(video, np.minimum(times, len(record.frames) - 1), settings, views=1)


def _views(video: VideoRecords, times: np.ndarray, settings: ClipSettings, views: int) -> Arrays:
    need = settings.num_frames

    def crop(height: int, width: int) -> augment.Crop:
        if settings.is_centred:
            return augment.center_crop(height, width, settings.image_size)
        return augment.key_frame_scaling(height, width)

    if settings.least_share is not None:
        chosen = [sampling.stretched(len(times), need)] * views
    elif settings.intervals:
        chosen = sampling.whole_video(len(times), need, views)
    else:
        starts = sampling.view_starts(len(times), need, views)
        chosen = [sampling.consecutive(len(times), need, start) for start in starts]
    return clip_cutting.cut(video, times, np.stack(chosen), settings, crop)


def _times(video: VideoRecords, settings: ClipSettings) -> np.ndarray:
    _, record = video[0]
    return sampling.resample(len(record.frames), record.fps, settings.fps, record.times)


@functools.lru_cache(maxsize=4)
def _permutation(seed: int, epoch: int, count: int) -> np.ndarray:
    rng = np.random.Generator(np.random.Philox(key=[seed, 0], counter=[0, 0, 0, epoch]))
    return rng.permutation(count)


def batches(
    example: Callable[[int], Batch],
    batch_size: int,
    first: int,
    last: int,
    reading: Reading,
) -> Iterator[Batch]:
    """Yields the batches `first` to `last - 1` of examples by number, read ahead in threads."""
    part = batch_size // reading.process_count

    def local(i: int) -> dict[str, np.ndarray]:
        batch, place = divmod(i, part)
        return example(batch * batch_size + reading.process_index * part + place)

    # Threads share the examples of a batch; one more stacks them, ahead of the training loop.
    threads = reading.threads or process_pool.cores()
    options = grain.ReadOptions(num_threads=threads, prefetch_buffer_size=max(threads, part))
    examples = grain.MapDataset.range(first * part, last * part).map(local)
    stacked = examples.to_iter_dataset(options).batch(part)
    return iter(
        grain.experimental.ThreadPrefetchIterDataset(stacked, prefetch_buffer_size=reading.prefetch)
    )
