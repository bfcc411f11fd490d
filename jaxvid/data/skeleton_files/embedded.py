"""The joints beside the videos of the embedded dataset, one .npz file each."""

import zipfile
from pathlib import Path

import numpy as np

from jaxvid.data import video
from jaxvid.data.skeleton_files.joints import is_somebody, marked
from jaxvid.data.video import VideoError
from jaxvid.skeletons import SKELETONS

JOINTS_SUFFIX = ".joints.npz"  # of the file beside a video of the embedded dataset


def read_embedded(path: Path, people: int) -> np.ndarray:
    """Reads the file beside a video, which holds `joints` (people, T, V, 2) in pixels.

    Returns x and y in [-1, 1] across the frame, and 1 for a joint that is there.
    """
    try:
        with np.load(path.with_suffix(JOINTS_SUFFIX), allow_pickle=False) as file:
            pixels = file["joints"].astype(np.float32)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise VideoError(f"no skeleton could be read beside it: {error}") from None
    joints = len(SKELETONS["figure18"].joints)
    if pixels.ndim != 4 or pixels.shape[1] < 1 or pixels.shape[2:] != (joints, 2):
        raise VideoError(
            f"its joints have the shape {pixels.shape}, not (people, steps, {joints}, 2)"
        )
    persons = list(filter(is_somebody, marked(pixels)))[:people]
    if not persons:
        raise VideoError("no person in any of its frames")
    width, height = video.size(path)
    stored = np.full((pixels.shape[1], people, joints, 3), np.nan, np.float32)
    for place, person in enumerate(persons):
        stored[:, place, :, :2] = person * (2 / np.array([width, height], np.float32)) - 1
        stored[:, place, :, 2] = np.where(np.isnan(person[..., 0]), np.nan, 1)
    return stored
