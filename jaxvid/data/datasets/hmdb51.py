"""HMDB51 as distributed: class folders of .avi files, and lists with three splits.

Kuehne, Jhuang, Garrote, Poggio, Serre: HMDB: a large video database for human motion recognition,
ICCV 2011. `testTrainMulti_7030_splits/` has a list per class and split, `CLASS_test_splitN.txt`,
with lines `NAME.avi MARK`; mark 1: to train on, 2: to test on, 0: not used in that split.
"""

import re
from collections import Counter
from pathlib import Path

from jaxvid.data.datasets import Dataset, Video, layout
from jaxvid.errors import UserError

VIDEOS = 6766
PER_CLASS = {"train": 70, "test": 30}
CLASSES = 51

_LIST = re.compile(r"(.+)_test_split(\d+)\.txt")
_SIDES = {"1": "train", "2": "test", "0": ""}
# NAME_CLASS, then body parts, camera motion, people, viewpoint, quality and number.
_TAGS = re.compile(r"_[fuhl]_(cm|nm)_np\d+_(ba|fr|le|ri)_(bad|goo|med)_\d+$")


def read(root: Path, split: int) -> Dataset:
    """Reads one of the official splits.

    `root` holds the class folders, at most two folders deep, and the lists, wherever they are. The
    group of a video is its source: the part of its file's name before the class and the tags. The
    official splits decide, and not the group. Listed videos that are not there are `missing`.
    Raises UserError where the folder is not laid out so, the split does not exist, a list does not
    parse, or no listed video exists.
    """
    layout.check_root(root)
    lists = _lists(root)
    available = sorted({number for number, _ in lists})
    if split not in available:
        raise UserError(
            f"config.data.split={split}: {root} has the splits {', '.join(map(str, available))}"
        )
    class_names = tuple(sorted(name for number, name in lists if number == split))
    folder = layout.find(root, lambda f: any((f / n).is_dir() for n in class_names), 2)
    if folder is None:
        raise UserError(
            f"{root} has lists and no folder of a class, such as {class_names[0]}/: HMDB51's root "
            "holds the class folders"
        )
    videos: list[Video] = []
    expected, counts = {"videos": VIDEOS}, Counter[str]()
    for label, name in enumerate(class_names):
        expected |= {f"{side} videos of {name}": count for side, count in PER_CLASS.items()}
        for file, side in _marks(lists[split, name]).items():
            counts.update(("videos", f"{side} videos of {name}"))
            if side:
                path = Path(name) / file
                videos.append(Video(path, label, side, _source(path.stem, name)))
    if len(class_names) == CLASSES:
        layout.warn_of_counts(f"HMDB51, split {split},", expected, counts)
    return layout.listed("hmdb51", folder, class_names, videos)


def _lists(root: Path) -> dict[tuple[int, str], Path]:
    """Returns the lists by split and class."""
    lists: dict[tuple[int, str], Path] = {}
    for folder, names in layout.walk(root):
        for found in filter(None, map(_LIST.fullmatch, names)):
            path = folder / found[0]
            other = lists.setdefault((int(found[2]), found[1]), path)
            if other != path:
                raise UserError(f"{path} and {other} are lists of the same split: keep one")
    if not lists:
        raise UserError(
            f"{root} has no CLASS_test_splitN.txt: HMDB51's root holds the class folders and "
            "testTrainMulti_7030_splits/"
        )
    return lists


def _marks(path: Path) -> dict[str, str]:
    """Returns the side of each video in a list, empty for those that the split does not use."""
    marks = {}
    for number, line in layout.lines(path, "HMDB51's testTrainMulti_7030_splits"):
        name, _, mark = line.rpartition(" ")
        if not name or mark not in _SIDES:
            raise UserError(f"{path}, line {number}: must be 'NAME.avi 0|1|2', not '{line}'")
        marks[name.strip()] = _SIDES[mark]
    return marks


def _source(stem: str, class_name: str) -> str:
    return _TAGS.sub("", stem).removesuffix(f"_{class_name}")
