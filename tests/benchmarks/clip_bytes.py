"""What a training clip of 64x224x224 costs the input: bytes stored, bytes sent, core-seconds.

    python tests/benchmarks/clip_bytes.py [--videos=FOLDER] [--rounds=60]

Of every video, by default four of those that `pipeline.py` makes (ten seconds, 340x256): its frames
as preparing stores them (short side 256, JPEG of quality 90), how large they are, how much is read
for a clip, which is the records that it has frames in, and the seconds of one core to read a clip's
frames and to cut it to uint8. A third of clips are whole frames made smaller, which takes longer
than decoding them: clips/s are from the mean. Seconds are those that the core was at work, so that
others on the machine count little. A minute on two cores.
"""

import argparse
import functools
import itertools
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import pipeline as reading
import sides
from ml_collections import ConfigDict

from jaxvid import config
from jaxvid.data import augment, clip_cutting, loading, modalities, pipeline, records
from jaxvid.runtime import process_pool

VIDEOS = 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--videos", default="")
    parser.add_argument("--rounds", type=int, default=60)
    arguments = parser.parse_args()
    process_pool.set_up_opencv()
    data = config.default().data
    rows, rng = [], np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(arguments.videos) if arguments.videos else reading._make_videos(Path(folder))
        files = sorted(path for path in root.rglob("*") if path.suffix in (".mp4", ".avi"))
        for path in files if arguments.videos else itertools.islice(files, VIDEOS):
            rows.append(measure(path, data, arguments.rounds, rng))
    header = ["video", "frames", "KB a frame", "MB of 64 frames", "MB read", "MB a video"]
    print(sides.table([*header, "ms of a core, a clip", "clips/s a core"], rows))
    [sent] = loading.clip_shapes(data, "").values()
    print(f"\na clip on its way to the device: {'x'.join(map(str, sent))}, {np.prod(sent):,} bytes")


def measure(path: Path, data: ConfigDict, rounds: int, rng: np.random.Generator) -> list:
    """Returns a row of the table."""
    modality = modalities.Rgb(data.short_side, data.jpeg_quality)
    frames = list(modality.encode(path))
    whole = sum(map(len, frames))
    record = _records(frames)
    settings = clip_cutting.ClipSettings(data.num_frames, data.image_size)
    seconds, read = [], []
    for _ in range(rounds):
        start = time.process_time()
        indices = pipeline.sampling.random_start(len(frames), settings.num_frames, rng)
        places = (indices + np.arange(settings.num_frames)) % len(frames)
        crop = functools.cache(
            lambda height, width: augment.any_crop(height, width, settings.image_size, rng)
        )
        cut = functools.partial(modality.cut, choose=crop, size=settings.image_size)
        modality.read(frames, places, cut)
        seconds.append(time.process_time() - start)
        touched = np.isin(record, record[places])
        read.append(sum(len(frame) for frame, of_it in zip(frames, touched, strict=True) if of_it))
    return [
        path.name,
        str(len(frames)),
        f"{whole / len(frames) / 1e3:.1f}",
        f"{whole / len(frames) * settings.num_frames / 1e6:.2f}",
        f"{statistics.mean(read) / 1e6:.2f}",
        f"{whole / 1e6:.2f}",
        sides.milliseconds(seconds),
        f"{1 / statistics.mean(seconds):.1f}",
    ]


def _records(frames: list[bytes]) -> np.ndarray:
    """Returns which of the video's records each frame is in, (T,)."""
    with (
        tempfile.TemporaryDirectory() as folder,
        records.ShardWriter(Path(folder) / "shard") as writer,
    ):
        writer.begin("video")
        for frame in frames:
            writer.add(frame)
        counts = writer.end()
    return np.repeat(np.arange(len(counts)), counts)


if __name__ == "__main__":
    main()
