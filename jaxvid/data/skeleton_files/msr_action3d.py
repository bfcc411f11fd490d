"""The _skeleton3D.txt files of MSR Action3D: a line of four numbers for each joint."""

from pathlib import Path

import numpy as np

from jaxvid.data.skeleton_files.joints import content_of, of_one_person
from jaxvid.data.video import VideoError

# The places in its frames of Kinect v1's joints: of the spine upwards, the arms and the legs.
ORDER = (*(6, 3, 2, 19), *(0, 7, 9, 11), *(1, 8, 10, 12), *(4, 13, 15, 17), *(5, 14, 16, 18))


def read_msr_action3d(path: Path, people: int) -> np.ndarray:
    """Reads a _skeleton3D.txt file of MSR Action3D: x, y and z in metres, as the camera sees them.

    The fourth number of a line, the joint's confidence, is not read: it is 0 for the joints that
    the tracker derives from others, such as the middle of the hips, which have a place.
    """
    rows = []
    for number, line in enumerate(content_of(path).splitlines(), 1):
        try:
            row = tuple(map(float, line.split()))
        except ValueError:
            raise VideoError(f"not a _skeleton3D.txt file: line {number} does not parse") from None
        if len(row) not in (0, 4):
            raise VideoError(
                f"its line {number} has {len(row)} numbers, not 4: x, y, z, confidence"
            )
        rows += [row[:3]] if row else []
    if not rows or len(rows) % len(ORDER):
        raise VideoError(f"its {len(rows)} lines are no whole frames of {len(ORDER)} joints")
    joints = np.array(rows, np.float32).reshape(-1, len(ORDER), 3)
    return of_one_person(joints, people, "kinect20", ORDER)
