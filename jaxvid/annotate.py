"""Copies of videos with their labels drawn on the frames, at the videos' own size and rate."""

import logging
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np

from jaxvid import files
from jaxvid.data import video
from jaxvid.data.video import VideoError
from jaxvid.errors import UserError
from jaxvid.timeline import Segment

logger = logging.getLogger(__name__)


def copies(videos: dict[Path, Path], folder: Path) -> dict[Path, Path]:
    """Returns the name of each video's copy: its path below what was named, in a folder, .mp4.

    Raises UserError where a name exists already, or two videos would have it.
    """
    names: dict[Path, Path] = {}
    taken: dict[Path, Path] = {}
    for path, below in videos.items():
        name = folder / below.with_name(f"{below.name.removesuffix('.mp4')}.mp4")
        if name.exists():
            raise UserError(f"--annotate={folder}: {name} exists already; choose another folder")
        if name in taken:
            raise UserError(f"--annotate={folder}: {taken[name]} and {path} would both be {name}")
        taken[name] = path
        names[path] = name
    return names


def annotate(
    labelled: Iterable[tuple[Path, list[Segment]]], names: dict[Path, Path]
) -> dict[Path, str]:
    """Writes the copies of videos with the label of each moment; returns the reasons for those not.

    A reason is also warned of.
    """
    wrong: dict[Path, str] = {}
    for path, segments in labelled:
        try:
            files.write(names[path], lambda file: _write(path, file, segments))  # noqa: B023
            print(f"{names[path]} is {path} with its labels")
        except VideoError as error:
            wrong[path] = str(error)
            logger.warning("no copy of %s: %s", path, error)
    return wrong


def _write(path: Path, file: Path, segments: list[Segment]) -> None:
    fps = video.frames_per_second(path)
    writer: cv2.VideoWriter | None = None
    place = 0
    try:
        for i, frame in enumerate(video.decode(path)):
            if writer is None:
                size = (frame.shape[1], frame.shape[0])
                writer = cv2.VideoWriter(str(file), cv2.VideoWriter_fourcc(*"mp4v"), fps, size)
                if not writer.isOpened():
                    raise VideoError(f"OpenCV cannot write {size[0]}x{size[1]} frames as mp4v")
            while place < len(segments) - 1 and segments[place].end <= i / fps:
                place += 1
            now = segments[place]
            writer.write(drawn(frame, f"{now.label} {now.probability:.0%}"))
    finally:
        if writer is not None:
            writer.release()


def drawn(frame: np.ndarray, text: str) -> np.ndarray:
    """Returns a frame (H, W, 3) uint8 with white text on a black band in its upper left corner.

    OpenCV's letters are ASCII: what else there is becomes question marks.
    """
    shown = text.encode("ascii", "replace").decode()
    height, width = frame.shape[:2]
    font, scale = cv2.FONT_HERSHEY_SIMPLEX, max(0.3, height / 480)
    thickness = max(1, round(scale * 1.5))
    (wide, high), below = cv2.getTextSize(shown, font, scale, thickness)
    if wide > width - 8:  # a narrow frame gets smaller letters
        scale *= (width - 8) / wide
        thickness = 1
        (wide, high), below = cv2.getTextSize(shown, font, scale, thickness)
    copy = frame.copy()
    cv2.rectangle(copy, (0, 0), (wide + 8, high + below + 8), (0, 0, 0), cv2.FILLED)
    white = (255, 255, 255)
    cv2.putText(copy, shown, (4, high + 4), font, scale, white, thickness, cv2.LINE_AA)
    return copy
