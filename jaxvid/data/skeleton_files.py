"""The files that hold joints: what each format has in it, and how it is read.

Every format is read to (T, M, V, 3) float32: T frames, up to M people, V joints. People and joints
that are not there are zeros. A new format is one function here and one entry of `FORMATS`.
"""

import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from jaxvid.data import video
from jaxvid.data.video import VideoError
from jaxvid.skeletons import SKELETONS

JOINTS_SUFFIX = ".joints.npz"  # of the file beside a video of the embedded dataset
LONGEST = 200_000  # frames of a Kinetics-skeleton file: its frame numbers are not to be trusted


@dataclass(frozen=True)
class SkeletonFormat:
    """How the joints of a dataset's clips are stored.

    `joints` names the entry of `SKELETONS` that they follow. `read(path, people)` returns a clip's
    and raises VideoError. `suffix`: of the file beside a video; empty where files of joints are the
    clips themselves, which end in `clip_suffix` and have `fps` frames per second.
    """

    joints: str
    read: Callable[[Path, int], np.ndarray]
    suffix: str = ""
    clip_suffix: str = ""
    fps: float = 0.0

    def files(self, path: Path) -> list[Path]:
        """Returns the files that reading a clip's joints reads."""
        return [path, path.with_suffix(self.suffix)] if self.suffix else [path]


def read_embedded(path: Path, people: int) -> np.ndarray:
    """Reads the file beside a video, which holds `joints` (people, T, V, 2) in pixels.

    Returns x and y in [-1, 1] across the frame, and 1 where a person is.
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
    width, height = video.size(path)
    pixels = pixels[:people].swapaxes(0, 1)
    stored = np.zeros((len(pixels), people, joints, 3), np.float32)
    shown = stored[:, : pixels.shape[1]]
    shown[..., :2] = pixels * (2 / np.array([width, height], np.float32)) - 1
    shown[..., 2] = 1
    return stored


def read_ntu(path: Path, people: int) -> np.ndarray:
    """Reads a .skeleton file of NTU RGB+D: x, y and z in metres, as the camera sees them.

    Of the bodies that were tracked, those whose joints vary most over time: the rule that the
    dataset's authors give for chairs and other bodies that are none. The first one moves most.
    """
    try:
        words = path.read_text(encoding="ascii").split()
    except (OSError, ValueError) as error:
        raise VideoError(f"not a .skeleton file: {error}") from None
    steps, bodies = _ntu_bodies(words)
    if not bodies:
        raise VideoError("no body in any of its frames")

    def motion(frames: dict[int, np.ndarray]) -> float:
        return float(np.stack(list(frames.values())).var(axis=0).sum())

    moving = sorted(bodies.values(), key=motion, reverse=True)
    joints = next(iter(moving[0].values())).shape
    stored = np.zeros((steps, people, *joints), np.float32)
    for place, frames in enumerate(moving[:people]):
        for step, body in frames.items():
            stored[step, place] = body
    return stored


def _ntu_bodies(words: list[str]) -> tuple[int, dict[str, dict[int, np.ndarray]]]:
    """Returns the number of frames, and by body and frame its joints (V, 3)."""
    count, numbers = len(SKELETONS["ntu25"].joints), 12
    bodies: dict[str, dict[int, np.ndarray]] = {}
    step, place = 0, 1
    try:
        steps = int(words[0])
        for step in range(steps):
            here = int(words[place])
            place += 1
            for _ in range(here):
                # The body's id, nine numbers on its hands, lean and tracking, the number of joints.
                body, joints = words[place], int(words[place + 10])
                if joints != count:
                    raise VideoError(f"{joints} joints in frame {step}, not {count}")
                place += 11
                values = np.array(words[place : place + count * numbers], np.float32)
                position = values.reshape(count, numbers)[:, :3]
                position[~np.isfinite(position).all(axis=1)] = 0
                bodies.setdefault(body, {})[step] = position
                place += count * numbers
    except (ValueError, IndexError):
        raise VideoError(f"not a whole .skeleton file: frame {step} does not parse") from None
    return steps, bodies


def read_openpose(path: Path, people: int) -> np.ndarray:
    """Reads a .json file of Kinetics-skeleton: x and y in [-1, 1], and the joint's confidence.

    Of each frame, the people with the highest sums of confidences, as ST-GCN takes them: nobody is
    followed from frame to frame. Joints of confidence 0 are zeros.
    """
    try:
        frames = {
            int(frame["frame_index"]): [_openpose_person(person) for person in frame["skeleton"]]
            for frame in json.loads(path.read_bytes())["data"]
        }
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise VideoError(f"not a whole Kinetics-skeleton file: {error!r}") from None
    if not any(frames.values()):
        raise VideoError("no person in any of its frames")
    first, steps = min(frames), max(frames) - min(frames) + 1
    if steps > LONGEST:
        raise VideoError(f"its frames are numbered from {first} to {max(frames)}")
    stored = np.zeros((steps, people, len(SKELETONS["openpose18"].joints), 3), np.float32)
    for number, persons in frames.items():
        surest = sorted(persons, key=lambda joints: joints[:, 2].sum(), reverse=True)
        for place, joints in enumerate(surest[:people]):
            stored[number - first, place] = joints
    return stored


def _openpose_person(person: Mapping[str, Any]) -> np.ndarray:
    count = len(SKELETONS["openpose18"].joints)
    joints = np.zeros((count, 3), np.float32)
    joints[:, :2] = np.array(person["pose"], np.float32).reshape(count, 2) * 2 - 1
    joints[:, 2] = np.array(person["score"], np.float32).reshape(count)
    joints[~(np.isfinite(joints).all(axis=1) & (joints[:, 2] > 0))] = 0
    return joints


FORMATS: Mapping[str, SkeletonFormat] = {
    "embedded": SkeletonFormat("figure18", read_embedded, suffix=JOINTS_SUFFIX),
    "ntu60": SkeletonFormat("ntu25", read_ntu, clip_suffix=".skeleton", fps=30.0),
    "kinetics_skeleton": SkeletonFormat("openpose18", read_openpose, clip_suffix=".json", fps=30.0),
}
