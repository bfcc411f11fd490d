"""OpenPose's folders: a JSON file for each frame, as its flag --write_json writes them."""

import re
from pathlib import Path
from typing import Any

from jaxvid.data.skeleton_files.joints import reason
from jaxvid.data.skeleton_files.poses import Person, Poses, in_order, json_of, numbered, of_triples
from jaxvid.data.video import VideoError

FRAME = re.compile(r"(.*?)_?(\d+)_keypoints\.json")  # NAME_000000000000_keypoints.json
GRAPHS = {25: "openpose25", 18: "openpose18"}  # of its models BODY_25 and COCO


def read_openpose_frames(folder: Path) -> Poses:
    """Reads a folder of frames. Raises VideoError."""
    numbers = numbered((path.name for path in folder.iterdir()), FRAME)
    people = {number: _people(folder / name) for name, number in numbers.items()}
    return Poses(in_order(people), GRAPHS)


def _people(path: Path) -> list[Person]:
    content = json_of(path)
    try:
        return [_person(each) for each in content["people"] if each["pose_keypoints_2d"]]
    except (KeyError, TypeError, ValueError) as error:
        raise VideoError(f"{path.name} is no frame of OpenPose: {reason(error)}") from None


def _person(each: Any) -> Person:
    # A list of one number: -1 where people are not tracked.
    [track] = each.get("person_id") or [-1]
    return of_triples(each["pose_keypoints_2d"], track if track >= 0 else None)
