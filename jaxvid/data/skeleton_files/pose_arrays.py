"""Joints in a plain .npz file: arrays that anybody's own program can write."""

import io
from pathlib import Path

import numpy as np

from jaxvid.data.skeleton_files.joints import content_of
from jaxvid.data.skeleton_files.poses import Person, Poses
from jaxvid.data.video import VideoError
from jaxvid.skeletons import SKELETONS

# By the number of joints, where the file names no graph: of pictures, and of space.
FLAT = {17: "coco17", 18: "openpose18", 25: "openpose25"}
DEEP = {20: "kinect20", 25: "ntu25"}
NAMES = ("joints", "scores", "fps", "width", "height", "skeleton")


def read_arrays(path: Path, skeleton: str = "") -> Poses:
    """Reads `joints` (T, M, V, C) or, of one person, (T, V, C), and what else is there.

    C is 2 for pixels, or 3 for x, y and z in space. `scores` (T, M, V) or (T, V): of joints. `fps`:
    frames per second. `width` and `height` of the picture, pixels. `skeleton`: the graph, else the
    argument, else that of so many joints. Place m is one person in all frames. Raises VideoError.
    """
    try:
        with np.load(io.BytesIO(content_of(path)), allow_pickle=False) as file:
            found = {name: file[name] for name in NAMES if name in file}
    except Exception as error:  # damage makes NumPy and zipfile raise all kinds
        raise VideoError(f"not a whole .npz file of arrays: {error}") from None
    if "joints" not in found:
        raise VideoError("it has no array joints (frames, people, joints, 2 or 3)")
    joints = found["joints"]
    scores = found.get("scores", np.ones(joints.shape[:-1], np.float32))
    if joints.ndim == 3:
        joints, scores = joints[:, None], scores[:, None]
    if joints.ndim != 4 or joints.shape[3] not in (2, 3) or joints.dtype.kind not in "fiu":
        raise VideoError(
            f"its joints are {joints.dtype} of shape {joints.shape}, not numbers of shape (frames, "
            "people, joints, 2 or 3)"
        )
    if scores.shape != joints.shape[:3] or scores.dtype.kind not in "fiu":
        raise VideoError(f"its scores have the shape {scores.shape}, not {joints.shape[:3]}")
    numbers = {
        name: _number(found[name], name) for name in ("fps", "width", "height") if name in found
    }
    if ("width" in numbers) != ("height" in numbers):
        raise VideoError("it has one of width and height, and not the other")
    size = (numbers["width"], numbers["height"]) if "width" in numbers else None
    frames = [
        [Person(*each, track) for track, each in enumerate(zip(*frame, strict=True))]
        for frame in zip(joints.astype(np.float32), scores.astype(np.float32), strict=True)
    ]
    graph = str(found["skeleton"]) if "skeleton" in found else skeleton
    if graph and graph not in SKELETONS:
        raise VideoError(f"its skeleton is '{graph}', must be one of {', '.join(SKELETONS)}")
    if graph and bool(SKELETONS[graph].axes) != (joints.shape[3] == 3):
        raise VideoError(
            f"its joints are {joints.shape[3]} numbers each, and those of {graph} are "
            + ("x, y and z in space" if SKELETONS[graph].axes else "x and y in a picture")
        )
    graphs = {len(SKELETONS[graph].joints): graph} if graph else (FLAT, DEEP)[joints.shape[3] - 2]
    return Poses(frames, graphs, numbers.get("fps", 0.0), size)


def _number(array: np.ndarray, name: str) -> float:
    if array.size != 1 or array.dtype.kind not in "fiu" or not 0 < array.item() < np.inf:
        raise VideoError(f"its {name} is {array}, must be a number above 0")
    return float(array.item())
