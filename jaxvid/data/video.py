"""Decoding videos, frame by frame and in order: video files, and folders of frames."""

import math
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np

from jaxvid.data import frame_folder
from jaxvid.data.video_facts import DEFAULT_FPS as DEFAULT_FPS
from jaxvid.data.video_facts import RATES, VideoError
from jaxvid.data.video_facts import UNEVEN as UNEVEN
from jaxvid.data.video_facts import Facts as Facts

TIMEOUT = 86_400_000  # milliseconds
LARGEST = 2**26  # pixels of a frame: twice 8K; a header that states more is damaged

Frame = TypeVar("Frame")


def frames_per_second(path: Path) -> float:
    """Returns the rate that a video's header states, frames per second.

    25 where it states none, and for a folder of frames. Raises VideoError for a name that OpenCV
    cannot take.
    """
    if path.is_dir():
        return DEFAULT_FPS
    return _rate(_capture(path))


def _rate(capture: cv2.VideoCapture) -> float:
    fps = capture.get(cv2.CAP_PROP_FPS)
    return fps if math.isfinite(fps) and RATES[0] <= fps <= RATES[1] else DEFAULT_FPS


def size(path: Path) -> tuple[int, int]:
    """Returns the width and height that a video's header states, pixels. Raises VideoError.

    Those of the first image of a folder of frames.
    """
    if path.is_dir():
        height, width, _ = next(frame_folder.decode(path)).shape
        return width, height
    width, height = _header_size(_capture(path))
    if width < 1 or height < 1:
        raise VideoError("not a video that OpenCV can open")
    return width, height


def decode(path: Path, facts: Facts | None = None) -> Iterator[np.ndarray]:
    """Yields every frame of a video, (H, W, 3) uint8 in BGR order, as `cv2.imencode` takes them.

    As they are stored, one after the other, and turned upright where the video says how. All are of
    the first one's size: others are scaled to it. `facts` is filled meanwhile. Raises VideoError
    where the file is empty, is no video, or yields no frame; where a folder holds no frames, or one
    that is no image or of another size than the first.
    """
    facts = Facts() if facts is None else facts
    for frame in frame_folder.decode(path) if path.is_dir() else _decode_file(path, facts):
        if not facts.width:
            facts.height, facts.width = frame.shape[:2]
        elif frame.shape[:2] != (facts.height, facts.width):
            size = (facts.width, facts.height)
            frame = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
        yield frame


def decoded(frames: Iterator[Frame]) -> Iterator[Frame]:
    """Yields what a modality makes of a video. Raises VideoError for all that a video can cause."""
    count = 0
    try:
        for frame in frames:
            count += 1
            yield frame
    except OSError as error:
        raise VideoError(error.strerror or str(error), outside=True) from None
    except MemoryError:
        raise VideoError("decoding it takes more memory than there is", True) from None
    except cv2.error as error:
        raise VideoError(f"OpenCV cannot decode it: {error.err}") from None
    if not count:
        raise VideoError("no frame could be decoded")


def _decode_file(path: Path, facts: Facts) -> Iterator[np.ndarray]:
    if path.stat().st_size == 0:
        raise VideoError("the file is empty" if path.is_file() else "it is no file")
    capture = _capture(path)
    try:
        if not capture.isOpened():
            raise VideoError("not a video that OpenCV can open")
        width, height = _header_size(capture)
        if width * height > LARGEST:
            raise VideoError(f"its header states frames of {width}x{height} pixels")
        facts.fps = _rate(capture)
        facts.stated = max(0, int(capture.get(cv2.CAP_PROP_FRAME_COUNT)))
        while True:
            whole, frame = capture.read()
            if not whole:
                break
            facts.times.append(capture.get(cv2.CAP_PROP_POS_MSEC) / 1000)
            yield frame
        if not facts.times:
            raise VideoError("no frame could be decoded")
    finally:
        capture.release()


def _header_size(capture: cv2.VideoCapture) -> tuple[int, int]:
    return (
        int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)),
        int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT)),
    )


def files(path: Path) -> list[Path]:
    """Returns the files that decoding a video reads."""
    return frame_folder.files(path) if path.is_dir() else [path]


def _capture(path: Path) -> cv2.VideoCapture:
    _check_name(path)
    settings = [
        *(cv2.CAP_PROP_N_THREADS, max(1, cv2.getNumThreads())),
        # FFmpeg would end a video early, and say nothing, where a slow disk takes longer than this:
        # what hangs is for the process that supervises decoding to end.
        *(cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, TIMEOUT),
        *(cv2.CAP_PROP_READ_TIMEOUT_MSEC, TIMEOUT),
    ]
    if not _has_ffmpeg():
        return cv2.VideoCapture(str(path))
    # No other backend: one of them takes a name with digits for a series of images.
    return cv2.VideoCapture(str(path.absolute()), cv2.CAP_FFMPEG, settings)


@cache
def _has_ffmpeg() -> bool:
    return cv2.CAP_FFMPEG in cv2.videoio_registry.getStreamBackends()


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
