"""Optical flow: how far each pixel moves to the next frame, and its form in eight bits.

Stored flow is q = round((clip(f, -bound, bound) + bound) · 255 / (2 bound)), f in pixels, so that
q / 127.5 - 1 is f / bound. Rounded, not truncated; from frames that have their stored size, not
resized after it was computed.
"""

from collections.abc import Callable, Iterable, Iterator

import cv2
import numpy as np

from jaxvid.errors import UserError

Calc = Callable[..., np.ndarray]  # of OpenCV: two grey frames and None to their flow

# DIS at its medium preset stops at half the resolution. Below this short side that is too coarse:
# on a 54x72 frame with a moving disc it errs three times as much as with one scale more.
SMALL = 128


def _dis(height: int, width: int) -> Calc:
    algorithm = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    if min(height, width) < SMALL:
        algorithm.setFinestScale(0)
    return algorithm.calc


def _farneback(height: int, width: int) -> Calc:
    settings = (0.5, 5, 15, 3, 5, 1.1, 0)
    calc: Calc = cv2.calcOpticalFlowFarneback
    return lambda *frames: calc(*frames, *settings)


def _tvl1(height: int, width: int) -> Calc:
    return cv2.optflow.DualTVL1OpticalFlow_create().calc  # type: ignore[attr-defined]


FILES = "files"  # the method of flow that is read, not estimated
METHODS: dict[str, Callable[[int, int], Calc]] = {
    "dis": _dis,
    "tvl1": _tvl1,
    "farneback": _farneback,
}


def check_method(method: str) -> None:
    """Raises UserError for a method that this installation of OpenCV does not have."""
    if method == "tvl1" and not hasattr(cv2, "optflow"):
        raise UserError(
            "config.data.flow.method=tvl1 needs OpenCV's contrib modules, which are not installed: "
            "pip install opencv-contrib-python-headless in place of opencv-python-headless, or "
            "choose dis or farneback"
        )


def estimate(frames: Iterable[np.ndarray], method: str) -> Iterator[np.ndarray]:
    """Yields the flow from each frame to the next, (H, W, 2) float32 pixels, x then y.

    `frames` are (H, W, 3) uint8 BGR; the last frame has the flow of the one before it, a single
    frame has none: zeros. As many are yielded as frames came.
    """
    before: np.ndarray | None = None
    flow: np.ndarray | None = None
    for frame in frames:
        grey = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
        if before is None:
            calc = METHODS[method](*grey.shape)
        else:
            flow = calc(before, grey, None)
            yield flow
        before = grey
    if before is not None:
        yield np.zeros((*before.shape, 2), np.float32) if flow is None else flow


def quantise(flow: np.ndarray, bound: float) -> np.ndarray:
    """Returns flow in pixels as uint8, cut at ±`bound`."""
    return np.rint((np.clip(flow, -bound, bound) + bound) * (255 / (2 * bound))).astype(np.uint8)


def scale(flow: np.ndarray, x: float, y: float) -> np.ndarray:
    """Returns stored flow (..., 2) uint8 with its vectors `x` times as wide and `y` times as high.

    What a resized flow image needs: its pixels are larger or smaller than those it was measured in.
    """
    if x == y == 1:
        return flow
    scaled = (flow - 127.5) * np.array([x, y], np.float32) + 127.5
    return np.rint(np.clip(scaled, 0, 255)).astype(np.uint8)


def mirror(flow: np.ndarray) -> np.ndarray:
    """Returns stored flow (..., W, 2) uint8 as a mirror shows it: reversed, and x negated."""
    mirrored = flow[..., ::-1, :].copy()
    mirrored[..., 0] = 255 - mirrored[..., 0]
    return mirrored
