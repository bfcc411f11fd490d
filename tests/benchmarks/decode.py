"""Preparing frames with PyAV beside OpenCV's own capture, file by file in turn, on one thread.

    python tests/benchmarks/decode.py VIDEO... [--short_side=256] [--repeat=5] [--one_pass]

Each file is decoded, shrunk to the short side and stored as JPEG, as `prepare` does it, by both. Of
each, the least CPU time counts. Prints the frames per CPU second, the ratio, and by how much the
pixels of whole frames differ. `--one_pass`: also resizes in FFmpeg's conversion, by area.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter

from jaxvid.data import video, video_container
from jaxvid.data.modalities import Rgb
from jaxvid.runtime import heap
from jaxvid.runtime.process_pool import set_up_opencv

Decode = Callable[[Path, int], Iterator[np.ndarray]]


def by_capture(path: Path, short_side: int) -> Iterator[np.ndarray]:
    settings = [cv2.CAP_PROP_N_THREADS, 1]
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, settings)
    while (got := capture.read())[0]:
        yield got[1]


def by_pyav(path: Path, short_side: int) -> Iterator[np.ndarray]:
    return video.decode(path)


def in_one_pass(path: Path, short_side: int) -> Iterator[np.ndarray]:
    """As `by_pyav` and then shrinking, but FFmpeg shrinks while it converts colours."""
    reformatter = VideoReformatter()
    with video_container.opened(path) as (container, stream):
        for frame in video_container.decoded(container, stream, video.Facts()):
            scale = min(1, short_side / min(frame.width, frame.height))
            size = (max(1, round(frame.width * scale)), max(1, round(frame.height * scale)))
            how = {"interpolation": Interpolation.AREA, "threads": 1}
            yield reformatter.reformat(frame, *size, "bgr24", **how).to_ndarray()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("videos", type=Path, nargs="+")
    parser.add_argument("--short_side", type=int, default=256)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--one_pass", action="store_true")
    arguments = parser.parse_args()
    set_up_opencv()
    heap.keep()  # as worker processes do
    ways: dict[str, Decode] = {"OpenCV": by_capture, "PyAV": by_pyav}
    if arguments.one_pass:
        ways["PyAV, one pass"] = in_one_pass
    modality = Rgb(arguments.short_side, 95)
    seconds = dict.fromkeys(ways, 0.0)
    frames = dict.fromkeys(ways, 0)
    for path in arguments.videos:
        took: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(arguments.repeat):
            for name, decode in ways.items():
                start = time.process_time()
                sum(1 for _ in modality.encode_frames(decode(path, arguments.short_side)))
                took[name].append(time.process_time() - start)
        for name in ways:
            seconds[name] += min(took[name])
        for name, decode in ways.items():
            frames[name] += sum(1 for _ in decode(path, arguments.short_side))
    print(f"{len(arguments.videos)} videos, short side {arguments.short_side}, {av.__version__=}")
    print("| decoder | frames | frames/s | ratio | largest difference | mean |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, decode in ways.items():
        rate = frames[name] / seconds[name]
        ratio = rate * seconds["OpenCV"] / frames["OpenCV"]
        largest, mean = _difference(arguments.videos, decode, arguments.short_side)
        print(f"| {name} | {frames[name]} | {rate:,.0f} | {ratio:.2f} | {largest} | {mean:.3f} |")


def _difference(paths: list[Path], decode: Decode, short_side: int) -> tuple[int, float]:
    """Returns the largest and the mean difference of shrunk frames from those of OpenCV."""
    largest, means = 0, []
    for path in paths:
        both = zip(by_capture(path, short_side), decode(path, short_side), strict=False)
        for pair in both:
            theirs, ours = (video.resize_short_side(f, short_side).astype(int) for f in pair)
            if theirs.shape == ours.shape:
                off = np.abs(theirs - ours)
                largest, means = max(largest, int(off.max())), [*means, float(off.mean())]
    return largest, float(np.mean(means)) if means else 0.0


if __name__ == "__main__":
    main()
