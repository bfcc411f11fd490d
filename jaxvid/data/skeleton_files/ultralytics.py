"""Ultralytics' results: a text file of labels for each frame, or a JSON list of every frame."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jaxvid.data.skeleton_files.joints import content_of
from jaxvid.data.skeleton_files.poses import COCO, Person, Poses, in_order, numbered, person
from jaxvid.data.video import VideoError

LABELS = re.compile(r"(.*?)_?(\d+)\.txt")  # NAME_1.txt
_BOX = 5  # numbers before the joints: class, centre, width, height
[_COUNT] = COCO


def read_ultralytics_labels(folder: Path) -> Poses:
    """Reads a folder of the files that `save_txt` writes: shares of the frame's width and height.

    Frames without anybody have no file. Those of a video are counted from 1; where numbers are
    filled up with zeros, as those of images, the first one is the lowest. Raises VideoError.
    """
    numbers = numbered((path.name for path in folder.iterdir()), LABELS)
    people = {number: _people(folder / name) for name, number in numbers.items()}
    is_video = all(not LABELS.fullmatch(name)[2].startswith("0") for name in numbers)  # type: ignore[index]
    return Poses(in_order(people, 1 if is_video else None), COCO, size=(1.0, 1.0))


def _people(path: Path) -> list[Person]:
    try:
        lines = content_of(path).decode("ascii").splitlines()
        return [_person(line.split()) for line in lines if line.strip()]
    except ValueError as error:
        raise VideoError(f"{path.name} has no labels of poses: {error}") from None


def _person(words: Sequence[str]) -> Person:
    """Returns the person of a line: the box, the joints with or without their scores, two numbers.

    These are the box's confidence and the track's number, either of which may be left out.
    """
    for width in (3, 2):
        rest = words[_BOX + width * _COUNT :]
        if len(words) >= _BOX + width * _COUNT and len(rest) <= 2:
            break
    else:
        raise ValueError(
            f"{len(words)} numbers in a line, which must be {_BOX + 3 * _COUNT} to "
            f"{_BOX + 3 * _COUNT + 2} for {_COUNT} joints"
        )
    numbers = [float(word) for word in words[_BOX : len(words) - len(rest)]]
    places = [numbers[i::width] for i in range(width)]
    track = rest[-1] if rest and rest[-1].isdigit() else None
    joints = list(zip(places[0], places[1], strict=True))
    return person(joints, places[2] if width == 3 else None, track)


def read_ultralytics_json(content: Any) -> Poses:
    """Reads a list of frames, each as `to_json` of its results gives it.

    Raises KeyError, TypeError or ValueError, as a content of another form makes it.
    """
    return Poses([[_entry(each) for each in frame] for frame in content], COCO)


def _entry(each: Any) -> Person:
    points = each["keypoints"]
    joints = list(zip(points["x"], points["y"], strict=True))
    return person(joints, points.get("visible"), each.get("track_id"))
