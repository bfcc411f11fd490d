"""Joints as pictures: the people of each frame as sticks, for those who look at data and labels."""

from collections.abc import Iterator

import cv2
import numpy as np

from jaxvid.skeletons import Skeleton

COLOURS = ((214, 69, 65), (52, 120, 186), (60, 150, 80), (150, 90, 170))  # of people, RGB
MARGIN = 0.05  # of a picture, on each side
THICKNESS = 72  # lines are as wide as this part of a picture's side


def drawn(frames: np.ndarray, skeleton: Skeleton, side: int) -> Iterator[np.ndarray]:
    """Yields joints (T, M, V, 3) as pictures (side, side, 3) uint8 RGB, all in one scale.

    As the camera sees them. A joint with a number that is not finite, or of zeros alone, is not
    there, and the edges to it are left out.
    """
    points = frames[..., :2] * (-1 if skeleton.y_is_up else 1)
    there = np.isfinite(frames).all(-1) & frames.any(-1)
    low, high = (points[there].min(0), points[there].max(0)) if there.any() else (0.0, 1.0)
    scale = (1 - 2 * MARGIN) * side / max(1e-6, np.max(high - low))
    places = (np.where(there[..., None], points, 0) - (low + high) / 2) * scale + side / 2
    pixels = np.rint(places).astype(int)
    for people, seen in zip(pixels, there, strict=True):
        picture = np.full((side, side, 3), 255, np.uint8)
        for person, joints, colour in zip(people, seen, COLOURS * len(people), strict=False):
            for a, b in skeleton.edges:
                if joints[a] and joints[b]:
                    ends = person[a].tolist(), person[b].tolist()
                    cv2.line(picture, *ends, colour, max(1, side // THICKNESS), cv2.LINE_AA)
        yield picture
