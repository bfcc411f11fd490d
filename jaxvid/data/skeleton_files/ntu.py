"""The .skeleton files of NTU RGB+D and NTU RGB+D 120."""

from pathlib import Path

import numpy as np

from jaxvid.data.skeleton_files.joints import is_somebody, marked
from jaxvid.data.video import VideoError
from jaxvid.skeletons import SKELETONS


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
        filter(lambda b: is_somebody(bodies[b]), bodies), key=lambda b: -_motion(bodies[b])
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
                bodies.setdefault(body, {})[step] = marked(position)
                place += count * numbers
    except (ValueError, IndexError):
        raise VideoError(f"not a whole .skeleton file: frame {step} does not parse") from None
    return steps, bodies
