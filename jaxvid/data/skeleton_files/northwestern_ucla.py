"""The .json files in which Northwestern-UCLA's skeletons are shared, one person's each."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from jaxvid.data.skeleton_files.joints import content_of, of_one_person, reason
from jaxvid.data.video import VideoError

JOINTS = 20  # in the order of Kinect v1's SDK


def read_northwestern_ucla(path: Path, people: int) -> np.ndarray:
    """Reads a .json file of Northwestern-UCLA: x, y and z in metres, as the camera sees them.

    `skeletons` is a list of frames, each of 20 joints of three numbers; a frame of none has nobody.
    Its `label` and `file_name` are not read.
    """
    try:
        frames = json.loads(content_of(path))["skeletons"]
        joints = [_frame(number, frame) for number, frame in enumerate(frames)]
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise VideoError(f"not a whole .json file of Northwestern-UCLA: {reason(error)}") from None
    if not joints:
        raise VideoError("no person in any of its frames: there are none")
    return of_one_person(np.stack(joints), people, "kinect20", range(JOINTS))


def _frame(number: int, joints: Any) -> np.ndarray:
    found = np.array(joints or np.full((JOINTS, 3), np.nan), np.float32)
    if found.shape != (JOINTS, 3):
        raise VideoError(f"its frame {number} has the shape {found.shape}, not ({JOINTS}, 3)")
    return found
