"""SIFT descriptors of video frames: paper B, Algorithm 1, step 2."""

import cv2
import numpy as np

WIDTH = 128  # numbers in a descriptor


def frame_indices(total: int, count: int) -> np.ndarray:
    """Returns the frames in the middle of `count` equal parts of a video, shape (n,), increasing.

    A video of fewer frames gives each of them once. Raises ValueError for one without frames.
    """
    if total < 1:
        raise ValueError("a video without frames cannot be sampled")
    return np.unique(((np.arange(count) + 0.5) * total / count).astype(int))


def sift(frames: np.ndarray, min_side: int, contrast: float) -> np.ndarray:
    """Returns the RootSIFT descriptors of all keypoints of frames, (n, 128) float32.

    `frames`: (T, H, W, 3) uint8 RGB. Frames whose short side has fewer than `min_side` pixels are
    enlarged to it before detection. `contrast`: SIFT's threshold for keypoints; OpenCV's own is
    0.04. Rows have the L2 norm 1; frames without a keypoint give (0, 128). Detection and
    description are OpenCV's, as in the paper; the root (Arandjelović and Zisserman, CVPR 2012) is
    ours: Euclidean distances then weigh the large bins less.
    """
    # One detector a call: it may be called from several threads, and a detector may not.
    detector = cv2.SIFT.create(contrastThreshold=contrast)
    found = [detector.detectAndCompute(_grey(frame, min_side), None)[1] for frame in frames]
    raw = np.concatenate([np.zeros((0, WIDTH), np.float32), *(d for d in found if d is not None)])
    return np.sqrt(raw / np.maximum(raw.sum(axis=1, keepdims=True), 1e-12))


def _grey(frame: np.ndarray, min_side: int) -> np.ndarray:
    grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
    scale = min_side / min(grey.shape)
    if scale <= 1:
        return grey
    height, width = (max(min_side, round(side * scale)) for side in grey.shape)
    return cv2.resize(grey, (width, height), interpolation=cv2.INTER_CUBIC)
