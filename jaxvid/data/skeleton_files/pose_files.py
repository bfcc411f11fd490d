"""Files of pose estimators, and joints in plain arrays: which are clips, and how they are stored.

A clip is a file (.json, .npz), or a folder of OpenPose's or Ultralytics' frames or of AlphaPose's
results. What a JSON file holds is found from its content.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxvid.data.skeleton_files import alphapose, openpose, ultralytics
from jaxvid.data.skeleton_files.following import chosen, follow
from jaxvid.data.skeleton_files.joints import is_somebody, reason
from jaxvid.data.skeleton_files.mmpose import read_mmpose
from jaxvid.data.skeleton_files.pose_arrays import read_arrays
from jaxvid.data.skeleton_files.poses import Person, Poses, json_of
from jaxvid.data.video import VideoError
from jaxvid.skeletons import SKELETONS

OUTSIDE = 1e6  # pixels or metres: a joint that is so far away is none
SUFFIXES = (".json", ".npz")


def clips_among(names: Sequence[str]) -> tuple[list[str], set[str]]:
    """Returns, of the names of a folder's files, those of clips, and of frames of one clip."""
    frames = {n for n in names if openpose.FRAME.fullmatch(n) or n == alphapose.FILE}
    clips = [n for n in names if n.lower().endswith(SUFFIXES) and n not in frames]
    if not clips:
        frames |= set(filter(ultralytics.LABELS.fullmatch, names))
    return clips, frames


def files(path: Path) -> list[Path]:
    """Returns the files that reading a clip reads."""
    if not path.is_dir():
        return [path]
    _, frames = clips_among([each.name for each in path.iterdir()])
    return sorted(path / name for name in frames)


def read(path: Path, skeleton: str = "") -> tuple[Poses, str]:
    """Returns the people in a clip, and the entry of `SKELETONS` that they follow.

    `skeleton`: the entry that they must follow; empty: any. Raises VideoError for another content,
    for people of another number of joints, and where there is nobody.
    """
    with np.errstate(over="ignore"):  # numbers that are too large are infinite, and then missing
        poses = _of_folder(path) if path.is_dir() else _of_file(path, skeleton)
    counts = {len(person.joints) for people in poses.frames for person in people}
    if not counts:
        raise VideoError("no person in any of its frames")
    if len(counts) > 1:
        raise VideoError(f"its people have {' and '.join(map(str, sorted(counts)))} joints")
    [count] = counts
    graph = poses.graphs.get(count, "")
    if not graph:
        known = " or ".join(f"{n} ({name})" for n, name in poses.graphs.items())
        raise VideoError(f"its people have {count} joints, must have {known}")
    if skeleton and SKELETONS[graph].joints != SKELETONS[skeleton].joints:
        raise VideoError(
            f"it has the {count} joints of {graph}, and config.model.skeleton={skeleton} has "
            f"{len(SKELETONS[skeleton].joints)}"
        )
    return poses, skeleton or graph


def _of_folder(folder: Path) -> Poses:
    names = sorted(each.name for each in folder.iterdir())
    clips, frames = clips_among(names)
    kinds = {
        "OpenPose": list(filter(openpose.FRAME.fullmatch, frames)),
        "AlphaPose": [name for name in frames if name == alphapose.FILE],
        "Ultralytics": list(filter(ultralytics.LABELS.fullmatch, frames)),
    }
    found = [kind for kind, members in kinds.items() if members]
    if not found:
        raise VideoError("a folder without frames of joints (NAME_0_keypoints.json, NAME_1.txt)")
    if clips or len(found) > 1:
        mixed = [
            *(f"{kind}'s" for kind in found),
            *(f"another clip's, {clip}," for clip in clips[:1]),
        ]
        raise VideoError(f"a folder with files of {' and '.join(mixed)}: one clip each")
    if found == ["OpenPose"]:
        return openpose.read_openpose_frames(folder)
    if found == ["Ultralytics"]:
        return ultralytics.read_ultralytics_labels(folder)
    return _of_json(json_of(folder / alphapose.FILE))


def _of_file(path: Path, skeleton: str) -> Poses:
    if path.suffix.lower() == ".npz":
        return read_arrays(path, skeleton)
    if path.suffix.lower() == ".json":
        return _of_json(json_of(path))
    raise VideoError(f"no file of joints: it must end in {' or '.join(SUFFIXES)}")


def _of_json(content: Any) -> Poses:
    try:
        if isinstance(content, dict):
            first = content
        else:
            first = next((each for each in content if each), {})
        if "people" in first:
            raise VideoError("one frame of OpenPose: the clip is the folder of its frames")
        if "instances" in first or "instance_info" in first:
            return read_mmpose(content)
        if "image_id" in first:
            return alphapose.read_alphapose(content)
        if not first or isinstance(first, list):
            return ultralytics.read_ultralytics_json(content)
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise VideoError(f"not the whole output of a pose estimator: {reason(error)}") from None
    raise VideoError("no output of MMPose, AlphaPose or Ultralytics for a video")


def read_poses(path: Path, people: int, skeleton: str) -> np.ndarray:
    """Reads the joints of a clip of a skeleton, as `joints_of` returns them. Raises VideoError."""
    poses, _ = read(path, skeleton)
    return joints_of(poses, people)


def joints_of(poses: Poses, people: int, score: float = 0.0) -> np.ndarray:
    """Returns the joints (T, M, V, 3) of the `people` whose scores sum to most; missing is NaN.

    Of a picture, x and y in [-1, 1] and the score, at most 1: across the picture where its size is
    known or all joints are shares of it, from 0 to 1; else across the square around all joints that
    are returned. Of space, x, y and z as they are. Joints of a score of 0 or below `score` are
    missing, as are those at zero. Raises VideoError where all are.
    """
    found = [
        [(joints, each.track) for each in frame if is_somebody(joints := _seen(each, score))]
        for frame in poses.frames
    ]
    tracks = follow(found)
    if not tracks:
        raise VideoError(
            f"no joint in any of its frames: all are NaN, zeros or below the score of {score:g}"
        )
    stored = chosen(tracks, len(found), people)
    if stored.shape[-1] == 4:
        return stored[..., :3]
    places = stored[..., :2]
    low, high = np.nanmin(places, (0, 1, 2)), np.nanmax(places, (0, 1, 2))
    size = poses.size
    if size is None and low.min() >= 0 and high.max() <= 1:
        size = 1.0, 1.0
    if size:
        stored[..., :2] = places * (2 / np.array(size, np.float32)) - 1
    else:
        stored[..., :2] = (places - (low + high) / 2) / max(float((high - low).max()) / 2, 1e-6)
    return stored


def _seen(each: Person, score: float) -> np.ndarray:
    """Returns a person's joints with their scores, (V, C + 1)."""
    scores = each.scores
    # Not so where a number is not one, either.
    there = (np.abs(each.joints) < OUTSIDE).all(-1) & each.joints.any(-1) & (scores > 0)
    numbers = np.concatenate([each.joints, np.minimum(scores, 1)[:, None]], axis=1)
    return np.where((there & (scores >= score))[:, None], numbers, np.float32(np.nan))
