"""People of a clip, followed from frame to frame."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import islice

import numpy as np

FARTHEST = 0.5  # sizes of a body that its joints may be from where they are expected, on average
LOST = 15  # frames after which somebody who is not seen is not looked for any more
PER_FRAME = 0.01  # sizes of a body that each frame unseen counts for: the one just seen comes first

Track = dict[int, np.ndarray]  # a person's joints and scores (V, C + 1) by the number of the frame
Found = tuple[np.ndarray, int | None]  # a person's, and the number that a tracker gave


def follow(frames: Sequence[Sequence[Found]]) -> list[Track]:
    """Returns the people of all frames, each as a track; missing joints are NaN.

    A tracker's numbers are taken where there are any, unless a number comes twice in one frame.
    People without one are assigned to the tracks so far, so that the sum of their distances is the
    least: a distance is the mean over common joints, in sizes of the body, from where the track
    would be at its last motion, and a little more for each frame unseen. A person farther than
    `FARTHEST` from all begins a track.
    """
    numbers = [[track for _, track in people if track is not None] for people in frames]
    is_tracked = all(len(set(each)) == len(each) for each in numbers)
    tracked: dict[int, Track] = defaultdict(dict)
    tracks: list[Track] = []
    recent: list[Track] = []
    for step, people in enumerate(frames):
        left = []
        for joints, number in people:
            if is_tracked and number is not None:
                tracked[number][step] = joints
            else:
                left.append(joints)
        recent = [track for track in recent if step - next(reversed(track)) <= LOST]
        taken = _assigned(recent, left, step)
        for place, joints in enumerate(left):
            if place in taken:
                taken[place][step] = joints
            else:
                recent.append({step: joints})
                tracks.append(recent[-1])
    return [*tracked.values(), *tracks]


def _assigned(tracks: Sequence[Track], people: Sequence[np.ndarray], step: int) -> dict[int, Track]:
    """Returns the track of each of the people, by place, that has one."""
    if not tracks or not people:
        return {}
    from scipy.optimize import linear_sum_assignment  # here: slow to load, and few need it

    expected = np.stack([_expected(track, step) for track in tracks])[:, None]
    found = np.stack(people)[None, ..., :-1]
    distances = np.linalg.norm(expected - found, axis=-1)  # (tracks, people, joints)
    common = np.isfinite(distances)
    sizes = np.maximum(_sizes(expected), _sizes(found))
    means = np.where(common, distances, 0).sum(-1) / np.maximum(common.sum(-1), 1)
    cost = np.where(common.any(-1), means / np.maximum(sizes, 1e-6), np.inf)
    near = cost <= FARTHEST
    unseen = np.array([[step - 1 - next(reversed(track))] for track in tracks])
    cost = np.where(near, cost + PER_FRAME * unseen, cost.size)
    rows, columns = linear_sum_assignment(cost)
    return {int(p): tracks[t] for t, p in zip(rows, columns, strict=True) if near[t, p]}


def _expected(track: Track, step: int) -> np.ndarray:
    """Returns where a track's joints (V, C) would be, had its last motion as a whole gone on."""
    last, *earlier = islice(reversed(track), 2)
    place = track[last][:, :-1]
    for before in earlier:
        moved = place - track[before][:, :-1]
        moved = moved[np.isfinite(moved).all(-1)]
        if len(moved):
            return place + moved.mean(0) * (step - last) / (last - before)
    return place


def _sizes(bodies: np.ndarray) -> np.ndarray:
    """Returns the longest side of the box around the joints of bodies (..., V, C)."""
    known = np.isfinite(bodies)
    low = np.where(known, bodies, np.inf).min(-2)
    high = np.where(known, bodies, -np.inf).max(-2)
    return (high - low).max(-1)


def chosen(tracks: Sequence[Track], steps: int, people: int) -> np.ndarray:
    """Returns joints and scores (T, M, V, C + 1), T steps, of the people with most of both.

    By the sum of a track's scores. Each goes into the first place that is free in all its frames:
    somebody who comes after another one left may follow in the same place.
    """
    surest = sorted(tracks, key=lambda track: -sum(np.nansum(j[:, -1]) for j in track.values()))
    shape = next(iter(surest[0].values())).shape
    stored = np.full((steps, people, *shape), np.nan, np.float32)
    free = np.ones((people, steps), bool)
    for track in surest:
        at = list(track)
        for place in range(people):
            if free[place, at].all():
                free[place, at] = False
                stored[at, place] = np.stack(list(track.values()))
                break
    return stored
