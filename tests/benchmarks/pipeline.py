"""How fast clips are read from records, against decoding the video files, and whether steps wait.

    python tests/benchmarks/pipeline.py [--videos=FOLDER] [--rounds=5] [--clips=48]

First table: training clips of 64x224x224 from ten-second videos of 340x256 stored as JPEG, in one
thread and in one per core, and the same clips cut by one thread from the video files, read from
their start to the clip's last frame. The three take turns. The videos (MPEG-4 part 2, which decodes
faster than H.264) are made here, unless a folder of class folders of some is named.
Second table: the share of each step that training spends waiting for its batch, on the embedded
dataset at the default scale, whose steps are the shortest ones.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import cv2
import jax
import numpy as np
from ml_collections import ConfigDict

from jaxvid.config import files as config_files
from jaxvid.data import augment, loading, pipeline, sampling, video
from jaxvid.data.datasets import Dataset, Video
from jaxvid.experiment.experiment import open_experiment
from jaxvid.runtime import process_pool
from jaxvid.training.trainer import Trainer

VIDEOS, FRAMES, SIZE = 16, 250, (340, 256)  # ten seconds, as in Kinetics


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--videos", default="")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--clips", type=int, default=48)
    parser.add_argument("--steps", type=int, default=60)
    arguments = parser.parse_args()
    process_pool.set_up_opencv()
    cores = os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as folder:
        root = Path(arguments.videos) if arguments.videos else _make_videos(Path(folder) / "videos")
        config = config_files.load("li3d_bilstm:folder")
        config.data.root, config.data.cache = str(root), folder
        _reading(config, arguments.clips, arguments.rounds, cores)
    _waiting(arguments.steps, cores)


def _reading(config: ConfigDict, count: int, rounds: int, cores: int) -> None:
    data = config.data
    dataset = loading.load(data)
    source = loading.open_records(dataset, data)
    clips = [clip for clip in dataset.split("train") if clip.id in source]
    sizes = [len(f) for clip in clips for f in islice(source[clip.id][0][1].frames, 8)]
    print(f"\n{len(clips)} training videos, {statistics.mean(sizes) / 1024:.1f} KiB a JPEG frame\n")
    settings = loading.clip_settings(config)

    def records(threads: int) -> Callable[[int], Iterator]:
        reading = pipeline.Reading(threads, prefetch=1)
        return lambda last: pipeline.train_batches(source, clips, settings, 1, 0, 0, last, reading)

    ways = {
        "records, 1 thread": (records(1), 1),
        f"records, {cores} threads": (records(cores), cores),
        "video files, 1 thread": (lambda last: _from_files(dataset, clips, settings, last), 1),
    }
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, (stream, busy) in ways.items():
            start = time.perf_counter()
            for _ in stream(count):
                pass
            rates[name].append(count / (time.perf_counter() - start) / busy)
    against = statistics.median(rates["video files, 1 thread"])
    print("| clips per second and core | lowest | median | highest | median against files |")
    print("| --- | --- | --- | --- | --- |")
    for name, values in rates.items():
        middle = statistics.median(values)
        print(
            f"| {name} | {min(values):.1f} | {middle:.1f} | {max(values):.1f} | "
            f"{middle / against:.2f} |"
        )


def _from_files(
    dataset: Dataset, clips: list[Video], settings: pipeline.ClipSettings, count: int
) -> Iterator[np.ndarray]:
    rng = np.random.default_rng(0)
    for number in range(count):
        path = dataset.folder / clips[number % len(clips)].path
        length = int(cv2.VideoCapture(str(path)).get(cv2.CAP_PROP_FRAME_COUNT))
        start = sampling.random_start(length, settings.num_frames, rng)
        frames = list(islice(video.decode(path), start, start + settings.num_frames))
        crop = augment.any_crop(*frames[0].shape[:2], settings.image_size, rng)
        yield np.stack([augment.apply(frame, crop, settings.image_size) for frame in frames])


def _waiting(steps: int, cores: int) -> None:
    experiment = open_experiment(config_files.load("li3d_bilstm"))
    trainer = Trainer(experiment, Path())
    step, state = trainer.compile_step(), trainer.start()
    config = experiment.config
    stream = pipeline.train_batches(
        experiment.data.source,
        trainer.clips,
        experiment.data.clip_settings,
        config.train.batch_size,
        config.seed,
        0,
        steps + 10,
        experiment.data.reading,
    )
    waited, whole = [], []
    before = time.perf_counter()
    for batch in stream:
        read = time.perf_counter()
        clips = experiment.network.devices.put_batch(batch)
        state, metrics = step(state, clips, trainer.key)
        jax.block_until_ready(metrics)
        after = time.perf_counter()
        waited.append(read - before)
        whole.append(after - before)
        before = after
    waited, whole = waited[10:], whole[10:]  # the first one compiles
    print(f"\n| {config.name}, {config.train.batch_size} clips a step, {cores} cores | |")
    print("| --- | --- |")
    print(f"| step, median | {1000 * statistics.median(whole):.0f} ms |")
    print(f"| share of {len(whole)} steps spent waiting | {sum(waited) / sum(whole):.1%} |")


def _make_videos(root: Path) -> Path:
    """Writes videos of a drifting texture with grain, which compress about as filmed ones do."""
    rng = np.random.default_rng(0)
    for number in range(VIDEOS):
        path = root / ("left", "right")[number % 2] / f"{number:02d}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 25, SIZE)
        noise = rng.integers(0, 256, (SIZE[1] // 4, SIZE[0] // 2, 3), np.uint8)
        texture = cv2.resize(noise, (2 * SIZE[0], SIZE[1]), interpolation=cv2.INTER_CUBIC)
        for frame in range(FRAMES):
            shown = texture[:, frame : frame + SIZE[0]] // 2 + 64
            grain = rng.integers(0, 8, shown.shape, np.uint8)
            writer.write(shown + grain)
        writer.release()
    return root


if __name__ == "__main__":
    main()
