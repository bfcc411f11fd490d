"""AlphaPose's results: one JSON file with every person of every frame."""

import re
from collections import defaultdict
from pathlib import PurePath
from typing import Any

from jaxvid.data.skeleton_files.poses import COCO, Person, Poses, in_order, numbered, of_triples
from jaxvid.data.video import VideoError

FILE = "alphapose-results.json"  # in a folder for each video
_FRAME = re.compile(r"(.*?)_?(\d+)")


def read_alphapose(content: Any) -> Poses:
    """Reads a list of `image_id`, `keypoints` and, where people are tracked, `idx`.

    Frames without anybody are not in it. Those of a video are named 0.jpg and so on, from its first
    one; of others, the first is the lowest. Raises VideoError, and as a content of another form
    makes it KeyError, TypeError or ValueError.
    """
    names = {PurePath(str(each["image_id"])).stem for each in content}
    numbers = numbered(names, _FRAME)
    if unnumbered := sorted(names - numbers.keys()):
        raise VideoError(f"the image_id {unnumbered[0]} has no number of a frame")
    people: dict[int, list[Person]] = defaultdict(list)
    for each in content:
        number = numbers[PurePath(str(each["image_id"])).stem]
        people[number].append(of_triples(each["keypoints"], _track(each.get("idx"))))
    is_video = all(name == str(number) for name, number in numbers.items())
    return Poses(in_order(people, 0 if is_video else None), COCO)


def _track(found: Any) -> Any:
    while isinstance(found, list):  # some trackers nest it
        found = min(found, default=None)
    return found
