"""Decoding videos, frame by frame and in order: video files, and folders of frames."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import av
import cv2
import numpy as np

from jaxvid.data import frame_folder, video_container
from jaxvid.data.video_facts import DEFAULT_FPS, Facts, Span, VideoError

__all__ = [
    *("DEFAULT_FPS", "Facts", "Span", "VideoError", "decode", "decoded", "decoder", "files"),
    *("frames_per_second", "resize_short_side", "size"),
]

Frame = TypeVar("Frame")


def frames_per_second(path: Path) -> float:
    """Returns the rate that a video's header states, frames per second. Raises VideoError.

    25 where it states none, and for a folder of frames.
    """
    if path.is_dir():
        return DEFAULT_FPS
    with video_container.opened(_named(path)) as (_, stream):
        return video_container.rate(stream) or DEFAULT_FPS


def size(path: Path) -> tuple[int, int]:
    """Returns the width and height of a video's first frame as shown, pixels. Raises VideoError."""
    height, width, _ = next(decode(path)).shape
    return width, height


def decoder(path: Path) -> str:
    """Returns what decodes a video; empty for a folder of frames: any version reads images."""
    return "" if path.is_dir() else video_container.decoder()


def decode(
    path: Path, facts: Facts | None = None, span: Span | None = None
) -> Iterator[np.ndarray]:
    """Yields the frames of a video, or of a part, (H, W, 3) uint8 BGR, as OpenCV takes them.

    As they are stored, one after the other, and turned upright where the video says how. All are of
    the first one's size: others are scaled to it. `facts` is filled meanwhile. Raises VideoError
    where the file is empty, is no video, or yields no frame; where a folder holds no frames, or one
    that is no image or of another size than the first.
    """
    facts = Facts() if facts is None else facts
    if path.is_dir():
        numbers = span.frames(DEFAULT_FPS) if span else (0, None)
        frames: Iterator[np.ndarray] = itertools.islice(frame_folder.decode(path), *numbers)
    else:
        frames = video_container.frames(_named(path), facts, span)
    for frame in frames:
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
    except av.FFmpegError as error:
        raise VideoError(f"FFmpeg cannot decode it: {error.strerror}") from None
    if not count:
        raise VideoError("no frame could be decoded")


def files(path: Path) -> list[Path]:
    """Returns the files that decoding a video reads."""
    return frame_folder.files(path) if path.is_dir() else [path]


def _named(path: Path) -> Path:
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise VideoError("its name is not UTF-8: rename it") from None
    return path


def resize_short_side(frame: np.ndarray, short_side: int) -> np.ndarray:
    """Shrinks a frame (H, W, C) to a short side of `short_side`; a smaller one stays as it is."""
    height, width = frame.shape[:2]
    scale = short_side / min(height, width)
    if scale >= 1:
        return frame
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
