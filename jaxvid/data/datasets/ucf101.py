"""UCF101 as distributed: class folders of .avi files, and `ucfTrainTestlist/` with three splits.

Soomro, Zamir, Shah: UCF101, CRCV-TR-12-01. The lists end their lines with CR LF in the original.
"""

import logging
import re
from pathlib import Path

from jaxvid.data.datasets import Dataset, Video, layout
from jaxvid.errors import UserError

CLASSES = 101
VIDEOS = {1: (9537, 3783), 2: (9586, 3734), 3: (9624, 3696)}  # to train and to test on, by split

_GROUP = re.compile(r"_(g\d+)_c\d+$")

logger = logging.getLogger(__name__)


def read(root: Path, split: int, name: str = "ucf101") -> Dataset:
    """Reads one of the official splits.

    `root` holds `ucfTrainTestlist/` and either `UCF-101/` with the class folders or the class
    folders themselves. Listed videos that are not there are returned as `missing`.
    Raises UserError where the folder is not laid out so, the split does not exist, a list does not
    parse, or no listed video exists.
    """
    if not root.is_dir():
        raise UserError(f"dataset folder {root} does not exist; set config.data.root")
    lists = root / "ucfTrainTestlist"
    if not lists.is_dir():
        content = "is empty" if not any(root.iterdir()) else "has no folder ucfTrainTestlist"
        raise UserError(f"{root} {content}: UCF101's root holds UCF-101/ and ucfTrainTestlist/")
    available = sorted(int(p.stem[-2:]) for p in lists.glob("trainlist[0-9][0-9].txt"))
    if split not in available:
        raise UserError(
            f"config.data.split={split}: {lists} has the splits {', '.join(map(str, available))}"
        )
    folder = root / "UCF-101" if (root / "UCF-101").is_dir() else root
    class_names = _class_names(lists / "classInd.txt")
    label_of = {name: label for label, name in enumerate(class_names)}
    videos, missing = [], []
    counts = []
    for part in ("train", "test"):
        listed = _lines(lists / f"{part}list{split:02d}.txt")
        counts.append(len(listed))
        for number, line in listed:
            path = Path(line.split()[0])
            if path.parent.name not in label_of:
                raise UserError(
                    f"{lists / f'{part}list{split:02d}.txt'}, line {number}: "
                    f"'{path.parent.name}' is not a class of classInd.txt"
                )
            if not (folder / path).is_file():
                missing.append(path.as_posix())
                continue
            group = _GROUP.search(path.stem)
            videos.append(
                Video(path, label_of[path.parent.name], part, group[1] if group else path.stem)
            )
    layout.check_found(videos, missing, folder)
    if len(class_names) == CLASSES and VIDEOS.get(split, (*counts,)) != (*counts,):
        logger.warning(
            "UCF101's split %d has %d training and %d test videos; the lists in %s name %d and %d",
            *(split, *VIDEOS[split], lists, *counts),
        )
    return Dataset(name, folder, class_names, tuple(videos), tuple(missing))


def _class_names(path: Path) -> tuple[str, ...]:
    names: list[str] = []
    for number, line in _lines(path):
        words = line.split()
        if len(words) != 2 or words[0] != str(len(names) + 1):
            raise UserError(
                f"{path}, line {number}: must be '{len(names) + 1} ClassName', not '{line}'"
            )
        names.append(words[1])
    return tuple(names)


def _lines(path: Path) -> list[tuple[int, str]]:
    return layout.lines(path, "UCF101's ucfTrainTestlist")
