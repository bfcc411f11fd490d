"""Batches of clips from prepared records.

A stream is an endless numbered row of examples, and example `g` of it is a function of (seed, g)
alone: which video, which frames, which crop. Batch n is examples n*B to n*B + B - 1, of which
process p of P reads the p-th part. So a run continues at any step, on any number of processes, with
what it would have read, and nothing about the input needs saving.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import grain.python as grain
import numpy as np

from jaxvid.data import augment, sampling
from jaxvid.data.datasets import Clip
from jaxvid.data.records import Record, RecordSource


@dataclass(frozen=True)
class ClipSettings:
    """How clips are cut from videos; `fps` 0 keeps the video's own frames per second."""

    num_frames: int
    image_size: int
    fps: float = 0.0
    augment: bool = False


@dataclass(frozen=True)
class Reading:
    """How batches are read: threads that decode, batches ahead, and this process's part of each."""

    threads: int = 0
    prefetch: int = 4
    process_index: int = 0
    process_count: int = 1


def train_stream(
    source: RecordSource,
    clips: list[Clip],
    settings: ClipSettings,
    batch_size: int,
    seed: int,
    first: int,
    last: int,
    reading: Reading,
) -> Iterator[dict[str, np.ndarray]]:
    """Yields the training batches `first` to `last - 1`.

    Every pass over the clips has an order of its own. A batch holds `clip` (b, T, H, W, 3) uint8
    and `label` (b,) int32, b being this process's part of `batch_size`.
    """

    def example(g: int) -> dict[str, np.ndarray]:
        epoch, position = divmod(g, len(clips))
        clip = clips[_permutation(seed, epoch, len(clips))[position]]
        rng = np.random.Generator(np.random.Philox(key=[seed, 1], counter=[0, 0, 0, g]))
        return {
            "clip": train_clip(source[source.position[clip.id]], settings, rng),
            "label": np.int32(clip.label),
        }

    return _batches(example, batch_size, first, last, reading)


def eval_stream(
    source: RecordSource,
    clips: list[Clip],
    settings: ClipSettings,
    batch_size: int,
    views: int,
    reading: Reading,
    shuffle_seed: int | None = None,
) -> Iterator[dict[str, np.ndarray]]:
    """Yields every clip once, in order, in batches.

    A batch holds `clip` (b, V, T, H, W, 3) uint8; the places that the last one has too many repeat
    the last clip. `shuffle_seed` puts each clip's frames in random order.
    """

    def example(g: int) -> dict[str, np.ndarray]:
        clip = clips[min(g, len(clips) - 1)]
        frames = eval_clip(source[source.position[clip.id]], settings, views)
        if shuffle_seed is not None:
            rng = np.random.default_rng([shuffle_seed, g])
            frames = frames[:, rng.permutation(settings.num_frames)]
        return {"clip": frames}

    return _batches(example, batch_size, 0, -(-len(clips) // batch_size), reading)


def train_clip(record: Record, settings: ClipSettings, rng: np.random.Generator) -> np.ndarray:
    """Returns a training clip of a record, (T, H, W, 3) uint8 RGB.

    With augmentation: a random start and one of the three crops; without: the centred run, scaled.
    """
    if not settings.augment:
        return eval_clip(record, settings, views=1)[0]
    times = sampling.resample(len(record.frames), record.fps, settings.fps)
    start = sampling.random_start(len(times), settings.num_frames, rng)
    run = times[sampling.consecutive(len(times), settings.num_frames, start)]

    def crop(height: int, width: int) -> augment.Crop:
        return augment.any_crop(height, width, settings.image_size, rng)

    return _decode(record, run, crop, settings.image_size)


def eval_clip(record: Record, settings: ClipSettings, views: int) -> np.ndarray:
    """Returns equally spaced runs of a record's frames, (V, T, H, W, 3) uint8 RGB.

    The middle square where training augments, else the whole frame scaled: what training sees most.
    """
    times = sampling.resample(len(record.frames), record.fps, settings.fps)

    def crop(height: int, width: int) -> augment.Crop:
        if settings.augment:
            return augment.center_crop(height, width, settings.image_size)
        return augment.key_frame_scaling(height, width)

    need = settings.num_frames
    starts = sampling.view_starts(len(times), need, views)
    runs = [times[sampling.consecutive(len(times), need, start)] for start in starts]
    clips = _decode(record, np.concatenate(runs), crop, settings.image_size)
    return clips.reshape(views, need, *clips.shape[1:])


def _decode(
    record: Record, indices: np.ndarray, crop: Callable[[int, int], augment.Crop], size: int
) -> np.ndarray:
    distinct, inverse = np.unique(indices, return_inverse=True)
    frames = [record.decode(int(i)) for i in distinct]
    region = crop(*frames[0].shape[:2])
    return np.stack([augment.apply(frame, region, size) for frame in frames])[inverse]


@lru_cache(maxsize=4)
def _permutation(seed: int, epoch: int, count: int) -> np.ndarray:
    rng = np.random.Generator(np.random.Philox(key=[seed, 0], counter=[0, 0, 0, epoch]))
    return rng.permutation(count)


def _batches(
    example: Callable[[int], dict[str, np.ndarray]],
    batch_size: int,
    first: int,
    last: int,
    reading: Reading,
) -> Iterator[dict[str, np.ndarray]]:
    part = batch_size // reading.process_count

    def local(i: int) -> dict[str, np.ndarray]:
        batch, place = divmod(i, part)
        return example(batch * batch_size + reading.process_index * part + place)

    # Threads share the examples of a batch; one more stacks them, ahead of the training loop.
    threads = reading.threads or os.cpu_count() or 1
    options = grain.ReadOptions(num_threads=threads, prefetch_buffer_size=max(threads, part))
    examples = grain.MapDataset.range(first * part, last * part).map(local)
    stacked = examples.to_iter_dataset(options).batch(part)
    return iter(
        grain.experimental.ThreadPrefetchIterDataset(stacked, prefetch_buffer_size=reading.prefetch)
    )
