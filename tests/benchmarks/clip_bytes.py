"""What a training clip of 64x224x224 costs the input: bytes stored, bytes sent, core-seconds.

    python tests/benchmarks/clip_bytes.py [--videos=FOLDER] [--rounds=5]

Of every video, by default four of those that `pipeline.py` makes (ten seconds, 340x256): its frames
as preparing stores them (short side 256, JPEG of quality 90), how large they are, and the seconds
of one core to read a clip's frames from them and to cut it to uint8. A record is a whole video, up
to 16 MiB, and is read as a whole for every clip. Seconds are those that the core was at work, so
that others on the machine count little. A minute on two cores.
"""

import argparse
import itertools
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import pipeline as reading
import sides

from jaxvid import config, parallel
from jaxvid.data import augment, loading, pipeline, streams

VIDEOS = 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--videos", default="")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    parallel.set_up_opencv()
    data = config.default().data
    rows, rng = [], np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(arguments.videos) if arguments.videos else reading._make_videos(Path(folder))
        files = sorted(path for path in root.rglob("*") if path.suffix in (".mp4", ".avi"))
        for path in files if arguments.videos else itertools.islice(files, VIDEOS):
            rows.append(measure(path, data, arguments.rounds, rng))
    header = ["video", "frames", "KB a frame", "MB of 64 frames", "MB a video"]
    print(sides.table([*header, "ms of a core, a clip", "clips/s a core"], rows))
    [sent] = loading.clip_shapes(data, "").values()
    print(f"\na clip on its way to the device: {'x'.join(map(str, sent))}, {np.prod(sent):,} bytes")


def measure(path: Path, data: config.ConfigDict, rounds: int, rng: np.random.Generator) -> list:
    """Returns a row of the table."""
    stream = streams.Rgb(data.short_side, data.jpeg_quality)
    frames = list(stream.encode(path))
    whole = sum(map(len, frames))
    settings = pipeline.ClipSettings(data.num_frames, data.image_size)
    seconds = []
    for _ in range(rounds):
        start = time.process_time()
        indices = pipeline.sampling.random_start(len(frames), settings.num_frames, rng)
        places = (indices + np.arange(settings.num_frames)) % len(frames)
        pictures = stream.read(frames, places)
        crop = augment.any_crop(*pictures.shape[1:3], settings.image_size, rng)
        stream.cut(pictures, crop, settings.image_size)
        seconds.append(time.process_time() - start)
    return [
        path.name,
        str(len(frames)),
        f"{whole / len(frames) / 1e3:.1f}",
        f"{whole / len(frames) * settings.num_frames / 1e6:.2f}",
        f"{whole / 1e6:.2f}",
        sides.milliseconds(seconds),
        f"{1 / statistics.median(seconds):.1f}",
    ]


if __name__ == "__main__":
    main()
