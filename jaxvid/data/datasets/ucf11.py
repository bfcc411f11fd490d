"""UCF11 (YouTube Action) as distributed: folders of categories, in them folders of groups.

Liu, Luo, Shah: Recognizing realistic actions from videos "in the wild", CVPR 2009. Eleven
categories with 25 groups each, `CATEGORY/v_NAME_GG/*.mpg`; the videos of a group share actor, scene
or view. Folders of annotations beside them are not read. There is no official split.
"""

import logging
import re
from pathlib import Path

from jaxvid.data.datasets import Dataset, Video, layout, splitting
from jaxvid.errors import UserError

CATEGORIES = 11
GROUPS = 25

_GROUP = re.compile(r"v_.+_(\d+)")

logger = logging.getLogger(__name__)


def read(root: Path, split: int) -> Dataset:
    """Reads the random split of this number, 7:3, as `splitting` draws it.

    `root` holds the folders of the categories, or a folder of them. Raises UserError where it is
    not laid out so, or no video is there.
    """
    layout.check_root(root)
    folder = layout.find(
        root, lambda f: any(_groups(category) for category in layout.subfolders(f))
    )
    if folder is None:
        raise UserError(
            f"{root} has no folder like basketball/v_shooting_01/: UCF11's root holds the folders "
            "of the categories"
        )
    categories = [category for category in layout.subfolders(folder) if _groups(category)]
    videos = []
    found: dict[str, set[int]] = {category.name: set() for category in categories}
    for label, category in enumerate(categories):
        for number, group in _groups(category):
            for path in layout.videos(group):
                name = f"{category.name}/{group.name}"
                videos.append(Video(path.relative_to(folder), label, "", name))
                found[category.name].add(number)
    if not videos:
        raise UserError(f"the groups in {folder} hold no video: UCF11's are .mpg files")
    _check_groups(found)
    return Dataset("ucf11", folder, tuple(found), splitting.at_random(videos, split, str(folder)))


def _groups(category: Path) -> list[tuple[int, Path]]:
    matched = ((_GROUP.fullmatch(folder.name), folder) for folder in layout.subfolders(category))
    return [(int(match[1]), folder) for match, folder in matched if match]


def _check_groups(found: dict[str, set[int]]) -> None:
    """Warns where all categories are there and groups are not."""
    if len(found) != CATEGORIES:
        return
    for category, numbers in found.items():
        absent = sorted(set(range(1, GROUPS + 1)) - numbers)
        if absent:
            logger.warning(
                "UCF11 has %d groups of each category; %s has no videos of %s",
                *(GROUPS, category, ", ".join(f"{number:02d}" for number in absent)),
            )
