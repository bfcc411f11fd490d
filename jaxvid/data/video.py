"""Decoding videos, frame by frame and in order: video files, and folders of frames.

A folder of frames holds one image per frame, in the order of the numbers in their names.
"""

import math
import re
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

DEFAULT_FPS = 25.0
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp")


class VideoError(Exception):
    """A video that cannot be decoded; the message is the reason."""


def frames_per_second(path: Path) -> float:
    """Returns the rate that a video's header states, frames per second.

    25 where it states none, and for a folder of frames. Raises VideoError for a name that OpenCV
    cannot take.
    """
    if path.is_dir():
        return DEFAULT_FPS
    fps = _capture(path).get(cv2.CAP_PROP_FPS)
    return fps if math.isfinite(fps) and 1 <= fps <= 240 else DEFAULT_FPS


def size(path: Path) -> tuple[int, int]:
    """Returns the width and height that a video's header states, pixels. Raises VideoError.

    Those of the first image of a folder of frames.
    """
    if path.is_dir():
        height, width, _ = next(_decode_folder(path)).shape
        return width, height
    capture = _capture(path)
    width, height = (
        int(capture.get(field)) for field in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)
    )
    if width < 1 or height < 1:
        raise VideoError("not a video that OpenCV can open")
    return width, height


def decode(path: Path) -> Iterator[np.ndarray]:
    """Yields every frame of a video, (H, W, 3) uint8 in BGR order, as `cv2.imencode` takes them.

    Raises VideoError where the file is empty, is no video, or yields no frame; where a folder holds
    no frames, or one that is no image or of another size than the first.
    """
    if path.is_dir():
        yield from _decode_folder(path)
        return
    if path.stat().st_size == 0:
        raise VideoError("the file is empty")
    capture = _capture(path)
    try:
        if not capture.isOpened():
            raise VideoError("not a video that OpenCV can open")
        count = 0
        while True:
            whole, frame = capture.read()
            if not whole:
                break
            count += 1
            yield frame
        if count == 0:
            raise VideoError("no frame could be decoded")
    finally:
        capture.release()


def files(path: Path) -> list[Path]:
    """Returns the files that decoding a video reads."""
    return frame_files(path) if path.is_dir() else [path]


def frame_files(folder: Path) -> list[Path]:
    """Returns the images of a folder of frames, frame 2 before frame 10."""
    images = [p for p in folder.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES]
    return sorted((p for p in images if not p.name.startswith(".")), key=_natural)


def _natural(path: Path) -> tuple[list[tuple[int, str]], str]:
    # Digits and other text alternate, starting with text: like is compared with like.
    parts = re.split(r"([0-9]+)", path.name)
    return [(int(part), "") if i % 2 else (0, part) for i, part in enumerate(parts)], path.name


def _decode_folder(folder: Path) -> Iterator[np.ndarray]:
    images = frame_files(folder)
    if not images:
        raise VideoError(f"a folder without frames ({', '.join(IMAGE_SUFFIXES)})")
    shape = None
    for path in images:
        _check_name(path)
        frame = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if frame is None:
            raise VideoError(f"frame {path.name} is not an image that OpenCV can open")
        shape = shape or frame.shape
        if frame.shape != shape:
            raise VideoError(
                f"frame {path.name} is {frame.shape[1]}x{frame.shape[0]}, "
                f"{images[0].name} {shape[1]}x{shape[0]}"
            )
        yield frame


def _capture(path: Path) -> cv2.VideoCapture:
    _check_name(path)
    return cv2.VideoCapture(str(path))


def _check_name(path: Path) -> None:
    try:
        str(path).encode()
    except UnicodeEncodeError:  # at such a name OpenCV ends the process
        raise VideoError("its name is not UTF-8: rename it") from None


def resize_short_side(frame: np.ndarray, short_side: int) -> np.ndarray:
    """Shrinks a frame (H, W, C) to a short side of `short_side`; a smaller one stays as it is."""
    height, width = frame.shape[:2]
    scale = short_side / min(height, width)
    if scale >= 1:
        return frame
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
