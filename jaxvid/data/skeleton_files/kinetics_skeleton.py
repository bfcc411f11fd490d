"""The .json files of Kinetics-skeleton, which hold the poses that OpenPose found."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxvid.data.skeleton_files.joints import LONGEST, is_somebody, marked, reason
from jaxvid.data.video import VideoError
from jaxvid.skeletons import SKELETONS


def read_openpose(path: Path, people: int) -> np.ndarray:
    """Reads a .json file of Kinetics-skeleton: x and y in [-1, 1], and the joint's confidence.

    Of each frame, the people with the highest sums of confidences, as ST-GCN takes them: nobody is
    followed from frame to frame. Joints of confidence 0 are missing.
    """
    try:
        frames = {
            int(frame["frame_index"]): _openpose_persons(frame["skeleton"])
            for frame in json.loads(path.read_bytes())["data"]
        }
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise VideoError(f"not a whole Kinetics-skeleton file: {reason(error)}") from None
    if not any(frames.values()):
        raise VideoError("no person in any of its frames")
    first, steps = min(frames), max(frames) - min(frames) + 1
    if steps > LONGEST:
        raise VideoError(f"its frames are numbered from {first} to {max(frames)}")
    joints = len(SKELETONS["openpose18"].joints)
    stored = np.full((steps, people, joints, 3), np.nan, np.float32)
    for number, persons in frames.items():
        surest = sorted(persons, key=lambda person: -np.nansum(person[:, 2]))
        for place, person in enumerate(surest[:people]):
            stored[number - first, place] = person
    return stored


def _openpose_persons(found: Sequence[Mapping[str, Any]]) -> list[np.ndarray]:
    """Returns the joints (V, 3) of each person of a frame, without those who have none."""
    count = len(SKELETONS["openpose18"].joints)
    persons = []
    for each in found:
        pose = marked(np.array(each["pose"], np.float32).reshape(count, 2)) * 2 - 1
        score = np.array(each["score"], np.float32).reshape(count, 1)
        score = np.where(score > 0, score, np.nan)
        persons.append(marked(np.concatenate([pose, score], axis=1)))
    return list(filter(is_somebody, persons))
