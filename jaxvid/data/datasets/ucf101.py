"""UCF101 as distributed: class folders of .avi files, and `ucfTrainTestlist/` with three splits.

Soomro, Zamir, Shah: UCF101, CRCV-TR-12-01. The lists end their lines with CR LF in the original.
"""

import re
from pathlib import Path

from jaxvid.data.datasets import Clip, Dataset
from jaxvid.errors import UserError

_GROUP = re.compile(r"_(g\d+)_c\d+$")


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
    videos = root / "UCF-101" if (root / "UCF-101").is_dir() else root
    class_names = _class_names(lists / "classInd.txt")
    label_of = {name: label for label, name in enumerate(class_names)}
    clips, missing = [], []
    for part in ("train", "test"):
        for number, line in _lines(lists / f"{part}list{split:02d}.txt"):
            path = Path(line.split()[0])
            if path.parent.name not in label_of:
                raise UserError(
                    f"{lists / f'{part}list{split:02d}.txt'}, line {number}: "
                    f"'{path.parent.name}' is not a class of classInd.txt"
                )
            if not (videos / path).is_file():
                missing.append(path.as_posix())
                continue
            group = _GROUP.search(path.stem)
            clips.append(
                Clip(path, label_of[path.parent.name], part, group[1] if group else path.stem)
            )
    if not clips:
        raise UserError(
            f"none of the {len(missing)} videos listed in {lists} is in {videos}; "
            f"the first is {missing[0] if missing else '(the lists are empty)'}"
        )
    return Dataset(name, videos, class_names, tuple(clips), tuple(missing))


def _class_names(path: Path) -> tuple[str, ...]:
    names = []
    for number, line in _lines(path):
        words = line.split()
        if len(words) != 2 or words[0] != str(len(names) + 1):
            raise UserError(
                f"{path}, line {number}: '{len(names) + 1} ClassName' is wanted, not '{line}'"
            )
        names.append(words[1])
    return tuple(names)


def _lines(path: Path) -> list[tuple[int, str]]:
    if not path.is_file():
        raise UserError(f"{path} does not exist: it is part of UCF101's ucfTrainTestlist")
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not text in UTF-8: {error}") from None
    return [(i, line.strip()) for i, line in enumerate(lines, 1) if line.strip()]
