"""Prepares damaged videos, to see that each is either decoded or named with a reason.

    python tests/benchmarks/fuzz_videos.py [--count=1000] [--seed=0] [--workers=0] [--real=FOLDER]

Short videos in the codecs that this PyAV can write, and those of FOLDER if it is given, are cut
short, overwritten, shuffled or replaced; then the whole is prepared as any dataset is. Prints what
became of them, by kind of damage; the exit status is 1 where a video was lost without a word.
"""

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from jaxvid.data import records
from jaxvid.data.datasets import Dataset, Video
from jaxvid.data.modalities import Rgb
from jaxvid.data.prepare import preparation

# The encoder, the container, the format of pixels and options.
CODECS: tuple[tuple[str, str, str, dict[str, str]], ...] = (
    ("mpeg4", "mp4", "yuv420p", {}),
    ("mpeg4", "avi", "yuv420p", {"bf": "2"}),
    ("mjpeg", "avi", "yuvj420p", {}),
    ("libvpx", "webm", "yuv420p", {"deadline": "realtime"}),
    ("libvpx-vp9", "webm", "yuva420p", {"deadline": "realtime"}),
    ("libsvtav1", "mp4", "yuv420p", {"preset": "10"}),
    ("libx264", "mp4", "yuv420p", {"preset": "veryfast"}),
    ("libx264", "mts", "yuv420p", {"x264-params": "interlaced=1"}),
    ("libx264", "flv", "yuv420p", {"preset": "veryfast"}),
    ("libx265", "mov", "yuv420p10le", {"x265-params": "log-level=none:pools=1"}),
    ("prores_ks", "mov", "yuva444p10le", {}),
    ("ffv1", "mkv", "yuv422p", {}),
    ("mpeg1video", "mpg", "yuv420p", {}),
    ("mpeg2video", "ts", "yuv420p", {"flags": "+ilme+ildct"}),
    ("mpeg2video", "vob", "yuv420p", {"bf": "2"}),
    ("wmv2", "wmv", "yuv420p", {}),
    ("flv1", "flv", "yuv420p", {}),
    ("huffyuv", "avi", "yuv422p", {}),
    ("h263", "3gp", "yuv420p", {}),
    ("snow", "avi", "yuv420p", {}),
    ("msmpeg4v2", "avi", "yuv420p", {}),
    ("gif", "gif", "rgb8", {}),
    ("png", "mov", "rgb24", {}),
)
HEADER = 600  # bytes
STREAM = Rgb(64, 90)

Random = np.random.Generator
Damage = Callable[[bytearray, Random], bytes]


def truncated(data: bytearray, rng: Random) -> bytes:
    return bytes(data[: rng.integers(1, len(data))])


def beheaded(data: bytearray, rng: Random) -> bytes:
    return bytes(data[rng.integers(1, len(data)) :])


def flipped(data: bytearray, rng: Random) -> bytes:
    """A few bytes to one in a hundred."""
    for place in rng.integers(0, len(data), rng.integers(1, 2 + len(data) // 100)):
        data[place] = rng.integers(256)
    return bytes(data)


def mangled_header(data: bytearray, rng: Random) -> bytes:
    end = min(HEADER, len(data))
    for place in rng.integers(0, end, rng.integers(1, 40)):
        data[place] = rng.integers(256)
    return bytes(data)


def mangled_tail(data: bytearray, rng: Random) -> bytes:
    """The header of .mp4 files and the index of .avi files stand at their end."""
    start = max(0, len(data) - 2 * HEADER)
    for place in rng.integers(start, len(data), rng.integers(1, 40)):
        data[place] = rng.integers(256)
    return bytes(data)


def large_number(data: bytearray, rng: Random) -> bytes:
    """Where a size, a count or an offset may stand, at either end."""
    place = int(rng.integers(0, min(HEADER, len(data) - 4)))
    place = place if rng.integers(2) else len(data) - 4 - place
    data[place : place + 4] = (b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f")[
        rng.integers(3)
    ]
    return bytes(data)


def zeroed(data: bytearray, rng: Random) -> bytes:
    start, end = sorted(rng.integers(0, len(data), 2))
    data[start:end] = bytes(end - start)
    return bytes(data)


def cut_out(data: bytearray, rng: Random) -> bytes:
    start, end = sorted(rng.integers(0, len(data), 2))
    return bytes(data[:start] + data[end:])


def twice(data: bytearray, rng: Random) -> bytes:
    return bytes(data + data[rng.integers(0, len(data)) :])


def random_bytes(data: bytearray, rng: Random) -> bytes:
    return rng.bytes(int(rng.integers(1, 50_000)))


def empty(data: bytearray, rng: Random) -> bytes:
    return b""


def text(data: bytearray, rng: Random) -> bytes:
    return b"<html><body>404 not found</body></html>\n" * int(rng.integers(1, 100))


DAMAGES: tuple[Damage, ...] = (
    *(truncated, beheaded, flipped, mangled_header, mangled_tail, large_number, zeroed, cut_out),
    *(twice, random_bytes, empty, text),
)


def seeds(folder: Path) -> list[Path]:
    """Writes a short video in each codec, and returns those that could be."""
    written = []
    for codec, suffix, pixels, options in CODECS:
        path = folder / f"{codec}.{suffix}"
        try:
            with av.open(str(path), "w") as container:
                stream: Any = container.add_stream(codec, rate=25, options=options)
                stream.width, stream.height, stream.pix_fmt = 176, 144, pixels
                for t in range(20):
                    image = np.full((144, 176, 3), 10 * t, np.uint8)
                    image = cv2.circle(image, (8 * t, 72), 30, (0, 90, 255), -1)
                    frame = av.VideoFrame.from_ndarray(image, format="bgr24")
                    container.mux(stream.encode(frame.reformat(format=pixels)))
                container.mux(stream.encode())
        except (av.FFmpegError, av.codec.codec.UnknownCodecError):
            path.unlink(missing_ok=True)
            continue
        written.append(path)
    return written


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--real", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        return fuzz(Path(name), arguments)


def fuzz(folder: Path, arguments: argparse.Namespace) -> int:
    """Damages `count` videos in a folder, prepares them, prints what became of them."""
    (folder / "seeds").mkdir()
    (folder / "videos").mkdir()
    originals = seeds(folder / "seeds")
    if arguments.real:
        originals += [p for p in sorted(arguments.real.iterdir()) if p.suffix in (".mp4", ".avi")]
    rng = np.random.default_rng(arguments.seed)
    kinds: dict[str, str] = {}
    for number in range(arguments.count):
        again, which = divmod(number, len(originals))
        original, damage = originals[which], DAMAGES[(again + which) % len(DAMAGES)]
        path = folder / "videos" / f"{number:05d}_{damage.__name__}_{original.name}"
        path.write_bytes(damage(bytearray(original.read_bytes()), rng))
        kinds[path.name] = damage.__name__
    clips = [Video(Path(name), 0, "train", name) for name in kinds]
    whole = originals[0].name
    (folder / "videos" / whole).write_bytes(originals[0].read_bytes())
    clips.append(Video(Path(whole), 0, "train", whole))
    dataset = Dataset("fuzz", folder / "videos", ("any",), tuple(clips))
    start = time.perf_counter()
    prepared = preparation.prepare(dataset, STREAM, folder / "records", arguments.workers)
    seconds = time.perf_counter() - start

    source = records.RecordSource(prepared, STREAM)
    failures = json.loads((prepared / records.MANIFEST).read_text())["failures"]
    reasons = {failure["id"]: failure["reason"] for failure in failures}
    lost = [name for name in (*kinds, whole) if (name in source.position) == (name in reasons)]
    for name in source.position:
        frames = source[name].frames
        STREAM.read(frames, np.arange(len(frames)))  # can be trained on
    print(f"{arguments.count} damaged videos in {seconds:.0f} s, {len(originals)} whole ones made")
    for kind in sorted(set(kinds.values())):
        decoded = Counter(name in source.position for name, k in kinds.items() if k == kind)
        print(f"{kind:15} {decoded[True]:5} decoded, {decoded[False]:5} named with a reason")
    for reason, times in Counter(reasons.values()).most_common():
        print(f"{times:5} {reason}")
    if lost:
        print(f"{len(lost)} videos were lost without a word: {', '.join(lost[:10])}")
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
