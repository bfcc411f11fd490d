"""UCF101 as distributed: class folders of .avi files, and `ucfTrainTestlist/` with three splits.

Soomro, Zamir, Shah: UCF101, CRCV-TR-12-01. The lists end their lines with CR LF in the original.
"""

import re
from collections import Counter
from pathlib import Path

from jaxvid.data.datasets import Dataset, Video, layout
from jaxvid.errors import UserError

CLASSES = 101
LISTS = "UCF101's ucfTrainTestlist"
VIDEOS = {1: (9537, 3783), 2: (9586, 3734), 3: (9624, 3696)}  # to train and to test on, by split

_GROUP = re.compile(r"_(g\d+)_c\d+$")


def read(root: Path, split: int, name: str = "ucf101") -> Dataset:
    """Reads one of the official splits.

    `root` holds `ucfTrainTestlist/` and either `UCF-101/` with the class folders or the class
    folders themselves. Listed videos that are not there are returned as `missing`.
    Raises UserError where the folder is not laid out so, the split does not exist, a list does not
    parse, or no listed video exists.
    """
    layout.check_root(root)
    lists = root / "ucfTrainTestlist"
    if not lists.is_dir():
        raise UserError(
            f"{root} has no folder ucfTrainTestlist: UCF101's root holds UCF-101/ and "
            "ucfTrainTestlist/"
        )
    available = sorted(int(p.stem[-2:]) for p in lists.glob("trainlist[0-9][0-9].txt"))
    if split not in available:
        raise UserError(
            f"config.data.split={split}: {lists} has the splits {', '.join(map(str, available))}"
        )
    folder = root / "UCF-101" if (root / "UCF-101").is_dir() else root
    class_names = _class_names(lists / "classInd.txt")
    label_of = {name: label for label, name in enumerate(class_names)}
    videos: list[Video] = []
    for part in ("train", "test"):
        list_of = lists / f"{part}list{split:02d}.txt"
        for number, line in layout.lines(list_of, LISTS):
            path = Path(line.split()[0])
            if path.parent.name not in label_of:
                raise UserError(
                    f"{list_of}, line {number}: '{path.parent.name}' is not a class of classInd.txt"
                )
            group = _GROUP.search(path.stem)
            named = group[1] if group else path.stem
            videos.append(Video(path, label_of[path.parent.name], part, named))
    if len(class_names) == CLASSES and split in VIDEOS:
        expected = dict(zip(("train videos", "test videos"), VIDEOS[split], strict=True))
        counts = Counter(f"{video.split} videos" for video in videos)
        layout.warn_of_counts(f"UCF101, split {split},", expected, counts)
    return layout.listed(name, folder, class_names, videos)


def _class_names(path: Path) -> tuple[str, ...]:
    names: list[str] = []
    for number, line in layout.lines(path, LISTS):
        words = line.split()
        if len(words) != 2 or words[0] != str(len(names) + 1):
            raise UserError(
                f"{path}, line {number}: must be '{len(names) + 1} ClassName', not '{line}'"
            )
        names.append(words[1])
    return tuple(names)
