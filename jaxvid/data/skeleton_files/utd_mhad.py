"""The _skeleton.mat files of UTD-MHAD: MATLAB's format, one array of Kinect v1's joints."""

import io
from pathlib import Path

import numpy as np
import scipy.io

from jaxvid.data.skeleton_files.joints import content_of, of_one_person, reason
from jaxvid.data.video import VideoError

NAME = "d_skel"  # of the array in the file
# Its Skeleton_joint_order.txt lists the head first, then the spine downwards, then the limbs.
ORDER = (3, 2, 1, 0, *range(4, 20))


def read_utd_mhad(path: Path, people: int) -> np.ndarray:
    """Reads a .mat file of UTD-MHAD: x, y and z in metres, as the camera sees them.

    Its array is (20, 3, T); MATLAB stores a single frame as (20, 3).
    """
    file = io.BytesIO(content_of(path))
    try:
        content = scipy.io.loadmat(file, variable_names=(NAME,))
    except Exception as error:  # damage makes NumPy, zlib and SciPy raise all kinds
        raise VideoError(f"not a .mat file that can be read: {reason(error)}") from None
    if NAME not in content:
        raise VideoError(f"it has no array {NAME}, in which UTD-MHAD keeps the joints")
    joints = content[NAME]
    if not isinstance(joints, np.ndarray) or joints.dtype.kind not in "fiu" or joints.ndim > 3:
        raise VideoError(f"its {NAME} is no array of numbers of a joint in space")
    joints = joints if joints.ndim == 3 else joints[..., None]
    return of_one_person(np.moveaxis(joints, 2, 0), people, "kinect20", ORDER)
