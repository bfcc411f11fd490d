"""Which frames of a video make a clip: paper A, section 3.1.1, Algorithm 1."""

import numpy as np


def resample(total: int, fps: float, target: float) -> np.ndarray:
    """Returns the frames that a video shows at `target` frames a second, as indices, shape (n,).

    Frame i of the slower video is the one that is on screen at time i / target. `target` of 0, or
    one above `fps`, keeps every frame.
    """
    if target <= 0 or target >= fps:
        return np.arange(total)
    count = max(1, round(total * target / fps))
    return np.minimum((np.arange(count) * fps / target + 1e-6).astype(int), total - 1)


def consecutive(total: int, need: int, start: int = 0) -> np.ndarray:
    """Returns `need` frame indices, shape (T,): a run from `start`, or a short video looped.

    A video of fewer frames than needed is repeated whole, as often as it fits, and the rest is
    taken from its beginning (Algorithm 1; once, at the end, as Figure 1 shows it). Raises
    ValueError for a video without frames and for a run that leaves the video.
    """
    if total < 1:
        raise ValueError("a video without frames cannot be sampled")
    if total < need:
        times, left = divmod(need, total)
        return np.concatenate([np.tile(np.arange(total), times), np.arange(left)])
    if not 0 <= start <= total - need:
        raise ValueError(f"a run of {need} frames from {start} leaves a video of {total}")
    return np.arange(start, start + need)


def random_start(total: int, need: int, rng: np.random.Generator) -> int:
    """Draws the start of a run from [0, total - need], both ends included (Algorithm 1)."""
    return int(rng.integers(0, max(0, total - need), endpoint=True))


def view_starts(total: int, need: int, views: int) -> list[int]:
    """Returns `views` equally spaced starts; a single one is the centred run."""
    room = max(0, total - need)
    if views == 1:
        return [room // 2]
    return [round(room * view / (views - 1)) for view in range(views)]
