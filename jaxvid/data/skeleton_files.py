"""The files that hold joints: what each format has in it, and how it is read.

Every format is read to (T, M, V, 3) float32: T frames, up to M people, V joints. Joints that are
missing are NaN, in all three numbers, as are those of people who are not there: zero is a place. A
body with no joint in any frame is nobody. A new format is one function here and one entry of
`FORMATS`.
"""

import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
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


def _marked(joints: np.ndarray) -> np.ndarray:
    """Returns joints (..., C) with NaN for the missing: not finite, or zero in all C numbers.

    Sensors and estimators write zeros for a joint that they did not find.
    """
    there = np.isfinite(joints).all(axis=-1) & joints.any(axis=-1)
    return np.where(there[..., None], joints, np.float32(np.nan))


def _is_somebody(body: np.ndarray) -> bool:
    return not np.isnan(body).all()


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
    persons = list(filter(_is_somebody, _marked(pixels)))[:people]
    if not persons:
        raise VideoError("no person in any of its frames")
    width, height = video.size(path)
    stored = np.full((pixels.shape[1], people, joints, 3), np.nan, np.float32)
    for place, person in enumerate(persons):
        stored[:, place, :, :2] = person * (2 / np.array([width, height], np.float32)) - 1
        stored[:, place, :, 2] = np.where(np.isnan(person[..., 0]), np.nan, 1)
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
    if not words:
        raise VideoError("the file is empty")
    steps, tracked = _ntu_bodies(words)
    if not tracked:
        raise VideoError("no body in any of its frames")
    bodies = {body: np.stack(list(frames.values())) for body, frames in tracked.items()}
    moving = sorted(
        filter(lambda b: _is_somebody(bodies[b]), bodies), key=lambda b: -_motion(bodies[b])
    )
    if not moving:
        raise VideoError("no joint in any of its frames: all are NaN or zeros")
    stored = np.full((steps, people, *bodies[moving[0]].shape[1:]), np.nan, np.float32)
    for place, body in enumerate(moving[:people]):
        stored[list(tracked[body]), place] = bodies[body]
    return stored


def _motion(body: np.ndarray) -> float:
    """Returns the mean over joints of their variance over time, of a body (T, V, 3) in metres.

    Over the joints that are seen at least twice, or half of all where there are fewer: so a missing
    joint neither moves nor rests, and one joint that jumps is no actor.
    """
    variances = np.ma.masked_invalid(body).var(axis=0).filled(0).sum(axis=1)
    seen = np.count_nonzero((~np.isnan(body[..., 0])).sum(axis=0) > 1)
    return float(variances.sum() / max(seen, len(variances) / 2))


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
                bodies.setdefault(body, {})[step] = _marked(position)
                place += count * numbers
    except (ValueError, IndexError):
        raise VideoError(f"not a whole .skeleton file: frame {step} does not parse") from None
    return steps, bodies


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
        raise VideoError(f"not a whole Kinetics-skeleton file: {error!r}") from None
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
        pose = _marked(np.array(each["pose"], np.float32).reshape(count, 2)) * 2 - 1
        score = np.array(each["score"], np.float32).reshape(count, 1)
        score = np.where(score > 0, score, np.nan)
        persons.append(_marked(np.concatenate([pose, score], axis=1)))
    return list(filter(_is_somebody, persons))


FORMATS: Mapping[str, SkeletonFormat] = {
    "embedded": SkeletonFormat("figure18", read_embedded, suffix=JOINTS_SUFFIX),
    "ntu60": SkeletonFormat("ntu25", read_ntu, clip_suffix=".skeleton", fps=30.0),
    "kinetics_skeleton": SkeletonFormat("openpose18", read_openpose, clip_suffix=".json", fps=30.0),
}
