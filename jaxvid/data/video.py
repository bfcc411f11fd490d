"""Decoding video files, frame by frame and in order."""

import math
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

DEFAULT_FPS = 25.0


class VideoError(Exception):
    """A video that cannot be decoded; the message is the reason."""


def frames_per_second(path: Path) -> float:
    """Returns the rate that a video's header states, frames per second; 25 where it states none.

    Raises VideoError for a name that OpenCV cannot take.
    """
    fps = _capture(path).get(cv2.CAP_PROP_FPS)
    return fps if math.isfinite(fps) and 1 <= fps <= 240 else DEFAULT_FPS


def size(path: Path) -> tuple[int, int]:
    """Returns the width and height that a video's header states, pixels. Raises VideoError."""
    capture = _capture(path)
    width, height = (
        int(capture.get(field)) for field in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)
    )
    if width < 1 or height < 1:
        raise VideoError("not a video that OpenCV can open")
    return width, height


def decode(path: Path) -> Iterator[np.ndarray]:
    """Yields every frame of a video, (H, W, 3) uint8 in BGR order, as `cv2.imencode` takes them.

    Raises VideoError where the file is empty, is no video, or yields no frame.
    """
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


def _capture(path: Path) -> cv2.VideoCapture:
    try:
        str(path).encode()
    except UnicodeEncodeError:  # at such a name OpenCV ends the process
        raise VideoError("its name is not UTF-8: rename it") from None
    return cv2.VideoCapture(str(path))


def resize_short_side(frame: np.ndarray, short_side: int) -> np.ndarray:
    """Shrinks a frame (H, W, C) to a short side of `short_side`; a smaller one stays as it is."""
    height, width = frame.shape[:2]
    scale = short_side / min(height, width)
    if scale >= 1:
        return frame
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
