"""What the readers of joints have in common: joints and people that are missing."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from jaxvid.data.video import Facts, VideoError
from jaxvid.skeletons import SKELETONS

LONGEST = 200_000  # frames of a file: its frame numbers are not to be trusted


def content_of(path: Path) -> bytes:
    """Returns the bytes of a file. Raises VideoError where it does not open or is empty."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise VideoError(error.strerror or str(error), outside=True) from None
    if not content:
        raise VideoError("the file is empty")
    return content


def reason(error: Exception) -> str:
    """Returns an error as text, without the content of the file that its `repr` may hold."""
    return f"{type(error).__name__}: {error}"


def marked(joints: np.ndarray) -> np.ndarray:
    """Returns joints (..., C) with NaN for the missing: not finite, or zero in all C numbers.

    Sensors and estimators write zeros for a joint that they did not find.
    """
    there = np.isfinite(joints).all(axis=-1) & joints.any(axis=-1)
    return np.where(there[..., None], joints, np.float32(np.nan))


def is_somebody(body: np.ndarray) -> bool:
    """Returns whether a body (..., C) has a joint that is not missing."""
    return not np.isnan(body).all()


def of_one_person(body: np.ndarray, people: int, skeleton: str, order: Sequence[int]) -> np.ndarray:
    """Returns the joints (T, M, V, 3) of a file that follows one person, of its array (T, V, 3).

    `order[i]` is the file's number of joint i of the entry `skeleton` of `SKELETONS`. Raises
    VideoError for an array of another shape, and where no joint is in any frame.
    """
    count = len(SKELETONS[skeleton].joints)
    if body.ndim != 3 or body.shape[2] != 3:
        raise VideoError(f"its joints have the shape {body.shape}, not (frames, {count}, 3)")
    if body.shape[1] != count:
        raise VideoError(f"{body.shape[1]} joints in each frame, not {count}")
    if not len(body):
        raise VideoError("no frame is in it")
    person = marked(body.astype(np.float32)[:, list(order)])
    if not is_somebody(person):
        raise VideoError("no joint in any of its frames: all are NaN or zeros")
    stored = np.full((len(body), people, count, 3), np.nan, np.float32)
    stored[:, 0] = person
    return stored


def describe(joints: np.ndarray, facts: Facts) -> None:
    """Fills `facts` with what it says of the joints (T, M, V, 3) of a file."""
    there = ~np.isnan(joints).all(axis=(2, 3))
    facts.people = int(there.any(axis=0).sum())
    facts.empty = int((~there.any(axis=1)).sum())
    facts.joints = int(there.sum()) * joints.shape[2]
    facts.lost = facts.joints - int((~np.isnan(joints).any(axis=3)).sum())
    facts.digest = hashlib.blake2b(joints.tobytes(), digest_size=16).hexdigest()
