"""What pose estimators find in a clip, as their files say it: people and scores, frame by frame."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxvid.data.skeleton_files.joints import LONGEST, content_of
from jaxvid.data.video import VideoError

COCO = {17: "coco17"}  # the graph of so many joints


class Person(NamedTuple):
    """A person in a frame.

    `joints` (V, C): C 2 for x and y in the picture, 3 for x, y and z in space. `scores` (V,).
    `track`: the number that a tracker gave, None where there is none.
    """

    joints: np.ndarray
    scores: np.ndarray
    track: int | None = None


@dataclass(frozen=True)
class Poses:
    """The people in each frame of a clip.

    `graphs`: the entry of `SKELETONS` that people of so many joints follow, by their number. `fps`:
    frames per second, 0 where the file does not say. `size`: width and height of the picture in the
    unit of its joints, None where the file does not say.
    """

    frames: Sequence[Sequence[Person]]
    graphs: Mapping[int, str]
    fps: float = 0.0
    size: tuple[float, float] | None = None


def person(joints: Any, scores: Any = None, track: Any = None) -> Person:
    """Returns the person of a file's numbers: joints (V, C), scores (V,) or None for ones.

    Raises ValueError or TypeError for numbers of another shape.
    """
    places = np.array(joints, np.float32)
    if places.ndim != 2 or places.shape[1] != 2:
        raise ValueError(f"joints of shape {places.shape}, not (joints, 2)")
    sure = np.ones(len(places), np.float32) if scores is None else np.array(scores, np.float32)
    if sure.shape != places.shape[:1]:
        raise ValueError(f"{sure.size} scores of {len(places)} joints")
    return Person(places, sure, None if track is None else int(track))


def of_triples(numbers: Any, track: Any = None) -> Person:
    """Returns the person of numbers x, y, score, x, y, score and so on. Raises ValueError."""
    triples = np.array(numbers, np.float32).reshape(-1, 3)
    return person(triples[:, :2], triples[:, 2], track)


def json_of(path: Path) -> Any:
    """Returns what a JSON file holds. Raises VideoError."""
    try:
        return json.loads(content_of(path))
    except (ValueError, RecursionError) as error:
        raise VideoError(f"{path.name} is not whole JSON: {error}") from None


def numbered(names: Iterable[str], pattern: re.Pattern[str]) -> dict[str, int]:
    """Returns the number of its frame in each of the names that match, group 2 of `pattern`.

    Raises VideoError where names differ in more, group 1, or two have the same number.
    """
    found = {name: match for name in names if (match := pattern.fullmatch(name))}
    series = Counter(match[1] for match in found.values())
    if len(series) > 1:
        shown = ", ".join(f"{name}* ({count})" for name, count in sorted(series.items())[:4])
        raise VideoError(
            f"its {len(found)} frames are {len(series)} series: {shown}; put the frames of each "
            "clip into a folder of its own"
        )
    numbers = {name: int(match[2]) for name, match in found.items()}
    if len(set(numbers.values())) < len(numbers):
        raise VideoError("two of its frames have the same number, such as 1 and 01")
    return numbers


def in_order(
    people_of: Mapping[int, Sequence[Person]], first: int | None = None
) -> list[Sequence[Person]]:
    """Returns the people of each frame from their numbers; frames that are not named have none.

    `first`: the number of the first frame; None: the lowest. Raises VideoError for numbers that are
    not to be trusted.
    """
    if not people_of:
        return []
    first, last = min(people_of) if first is None else first, max(people_of)
    if min(people_of) < first or last - first >= LONGEST:
        raise VideoError(f"its frames are numbered from {min(people_of)} to {last}")
    return [people_of.get(number, ()) for number in range(first, last + 1)]
