"""Any CSV file of videos: `path,label[,split][,group]`."""

import os
from dataclasses import replace
from pathlib import Path

from jaxvid.data.datasets import Dataset, Video, layout, splitting
from jaxvid.errors import UserError


def read(root: Path, split: int, prefix: Path | None = None) -> Dataset:
    """Reads a CSV file: `root` is the file itself, or a folder with one .csv file in it.

    The header has `path` and `label`, and may have `split` (train, test, val) and `group`; other
    columns are not read. A path is relative to the file's folder, or to the folder `prefix`, or
    absolute below it; a folder of frames is a video, too. Labels may be any strings. Without
    `split`, split N is the random one of that number, 7:3, as `splitting` draws it; without
    `group`, every video is one of its own. Videos that are not there are `missing`. Raises
    UserError, with the line, for a file or row that is not so, a video that comes twice, and where
    a class has videos to test on alone.
    """
    file = _file(root)
    folder = prefix or file.parent
    if not folder.is_dir():
        raise UserError(f"config.data.prefix={folder} is not a folder")
    videos: list[Video] = []
    lines: dict[Path, int] = {}
    sides: dict[str, str] = {}
    rows = list(layout.table(file, ("path", "label"), "path,label[,split][,group]"))
    if rows and "split" in rows[0][1]:
        splitting.only_split(split, str(file))
        for line, row in rows:
            if not row["split"]:
                raise UserError(
                    f"{file}, line {line}: the split is empty; it must be train or test"
                )
        sides = splitting.sides({row["split"] for _, row in rows}, str(file))
    class_names = tuple(sorted({row["label"] for _, row in rows}))
    label_of = {name: label for label, name in enumerate(class_names)}
    for line, row in rows:
        path = _path(row["path"], folder, f"{file}, line {line}")
        if path in lines:
            raise UserError(f"{file}, line {line}: {path} is in line {lines[path]} already")
        lines[path] = line
        side = sides[row["split"]] if sides else "train"
        group = row.get("group") or path.as_posix()
        videos.append(Video(path, label_of[row["label"]], side, group))
    dataset = layout.listed("csv", folder, class_names, videos)
    if sides:
        splitting.check(dataset.videos, class_names, str(file))
        return dataset
    return replace(dataset, videos=splitting.at_random(dataset.videos, split, str(file)))


def _file(root: Path) -> Path:
    if root.is_file():
        return root
    layout.check_root(root)
    found = sorted(root.glob("*.csv"))
    if len(found) != 1:
        there = ", ".join(path.name for path in found) if found else "none"
        raise UserError(
            f"{root} should have one .csv file, and has {there}; set config.data.root to the file"
        )
    return found[0]


def _path(value: str, folder: Path, where: str) -> Path:
    """Returns a video's path relative to the file's folder."""
    base = Path(os.path.normpath(folder.absolute()))
    path = Path(os.path.normpath(base / value))
    if path == base or not path.is_relative_to(base):
        raise UserError(
            f"{where}: {value} is not below {folder}: set config.data.prefix to a folder that "
            "holds all the videos (/ holds any; relative paths are then relative to it)"
        )
    return path.relative_to(base)
