"""Which frames of a video make a clip: a run of consecutive ones, one every so many, or resampled.

Sources: paper A (LI3D-BiLSTM), section 3.1.1, Algorithm 1, for runs; paper C (deep fusion),
sections 3.6 and 4.2, for intervals.
"""

import numpy as np


def resample(total: int, fps: float, target: float, times: np.ndarray | None = None) -> np.ndarray:
    """Returns the frames that a video shows at `target` frames a second, as indices, shape (n,).

    Frame i of the slower video is the one that is on screen at time i / target. `times` (total,):
    when each frame appears, seconds from 0, where their rate varies; `fps` is the mean rate then. A
    `target` of 0 keeps every frame; one above `fps` does so, too, but where the rate varies `fps`
    takes its place: frames that are long on screen are repeated, and of the quick ones some left
    out.
    """
    count = resampled(total, fps, target)
    return np.clip(on_screen(np.arange(count), fps, target, times), 0, total - 1)


def resampled(total: int, fps: float, target: float) -> int:
    """Returns how many frames `resample` leaves of `total`."""
    return total if target <= 0 or target >= fps else max(1, round(total * target / fps))


def on_screen(
    frames: np.ndarray | int, fps: float, target: float, times: np.ndarray | None = None
) -> np.ndarray:
    """Returns which frames of a video its frames at `target` frames a second are, as indices."""
    if target <= 0 or (times is None and target >= fps):
        return np.asarray(frames)
    rate = min(target, fps)
    if times is None:
        return np.asarray(frames * fps / rate + 1e-6).astype(int)
    return np.searchsorted(times, np.asarray(frames) / rate + 1e-6, side="right") - 1


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


def random_interval(
    total: int, need: int, limits: tuple[int, int], rng: np.random.Generator
) -> np.ndarray:
    """Draws `need` equally spaced frame indices, shape (T,): random start and random interval.

    The interval is uniform in [limits[0], limits[1]], and smaller where the video is too short for
    it; a video of fewer frames than needed is looped (paper C, section 3.6).
    """
    if total < need:
        return consecutive(total, need)
    fits = (total - 1) // max(1, need - 1)
    interval = min(int(rng.integers(*limits, endpoint=True)), fits)
    start = rng.integers(0, total - 1 - interval * (need - 1), endpoint=True)
    return start + interval * np.arange(need)


def whole_video(total: int, need: int, views: int) -> list[np.ndarray]:
    """Returns `views` times `need` frame indices that span the video, each of shape (T,).

    Counted from 1, the first view has the frames t', 2 t', ..., T t' with t' = total // need (paper
    C, equations 13 and 14); the others have those up to t' - 1 earlier, equally spaced: of more
    than t' views some are alike. A video of fewer frames than needed is looped.
    """
    if total < need:
        return [consecutive(total, need)] * views
    every = total // need
    earlier = [view * every // views for view in range(views)]
    return [every * np.arange(1, need + 1) - 1 - frames for frames in earlier]


def stretched(total: int, need: int, start: float = 0.0, share: float = 1.0) -> np.ndarray:
    """Returns `need` equally spaced times, shape (T,), in frames: a share of a video from `start`.

    `start` is a share of the video, too. The first and the last time are frames where all of it is
    taken.
    """
    return (total - 1) * np.linspace(start, start + share, need).clip(0, 1)


def random_stretch(total: int, need: int, least: float, rng: np.random.Generator) -> np.ndarray:
    """Draws the times of `stretched`: the share uniform in [least, 1], then where it starts."""
    share = rng.uniform(least, 1)
    return stretched(total, need, rng.uniform(0, 1 - share), share)
