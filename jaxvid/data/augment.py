"""How a frame becomes the network's square: the three crops of paper A, section 3.1.2.

A crop is drawn once per clip and holds for each of its frames. It is a region of the source frame,
which is then resized to the square where it has another size.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True)
class Crop:
    """The region of a frame that is kept, in pixels."""

    top: int
    left: int
    height: int
    width: int


def key_frame_scaling(height: int, width: int) -> Crop:
    """The whole frame, to be resized to the square."""
    return Crop(0, 0, height, width)


def center_crop(height: int, width: int, need: int) -> Crop:
    """The middle square of `need` pixels, or the largest there is in a smaller frame."""
    side = min(need, height, width)
    return Crop((height - side) // 2, (width - side) // 2, side, side)


def random_crop(height: int, width: int, need: int, rng: np.random.Generator) -> Crop:
    """A square of `need` pixels near the middle, or the largest there is in a smaller frame.

    Each side's start is uniform among the whole pixels of [max(0, 0.8 m), min(1.2 m, origin -
    need)], m = (origin - need) / 2.
    """
    side = min(need, height, width)

    def start(origin: int) -> int:
        margin = (origin - side) / 2
        low = math.ceil(max(0, 0.8 * margin))
        high = math.floor(min(1.2 * margin, origin - side))
        if low > high:  # no whole pixel in it
            return round(margin)
        return int(rng.integers(low, high, endpoint=True))

    return Crop(start(height), start(width), side, side)


def any_crop(height: int, width: int, need: int, rng: np.random.Generator) -> Crop:
    """One of the three crops, drawn uniformly: the paper's spatial augmentation."""
    choice = rng.integers(3)
    if choice == 0:
        return key_frame_scaling(height, width)
    if choice == 1:
        return center_crop(height, width, need)
    return random_crop(height, width, need, rng)


def apply(frame: np.ndarray, crop: Crop, need: int) -> np.ndarray:
    """Cuts a frame (H, W, C) uint8 and returns its crop as (need, need, C)."""
    cut = frame[crop.top : crop.top + crop.height, crop.left : crop.left + crop.width]
    if cut.shape[:2] == (need, need):
        return cut
    shrinks = crop.height >= need and crop.width >= need
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return cv2.resize(cut, (need, need), interpolation=interpolation)
