"""Any CSV file of videos: `path,label[,split][,group][,start][,end]`."""

import math
import os
from dataclasses import replace
from pathlib import Path

from jaxvid.data.datasets import Dataset, Video, layout, splitting
from jaxvid.data.video_facts import Span
from jaxvid.errors import UserError

FORM = "path,label[,split][,group][,start][,end]"


def read(root: Path, split: int, prefix: Path | None = None) -> Dataset:
    """Reads a CSV file: `root` is the file itself, or a folder with one .csv file in it.

    The header has `path` and `label`, and may have `split` (train, test, val), `group`, and `start`
    and `end`: the seconds of the part of the file that is the video, from its first frame, either
    of which may be empty. Other columns are not read. A path is relative to the file's folder, or
    to the folder `prefix`, or absolute below it; a folder of frames is a video, too. Labels may be
    any strings. Without `split`, split N is the random one of that number, 7:3, as `splitting`
    draws it; without `group`, every file is one of its own. Videos that are not there are
    `missing`. Raises
    UserError, with the line, for a file or row that is not so, a video that comes twice, and where
    a class has videos to test on alone.
    """
    file = _file(root)
    folder = prefix or file.parent
    if not folder.is_dir():
        raise UserError(f"config.data.prefix={folder} is not a folder")
    videos: list[Video] = []
    lines: dict[str, int] = {}
    sides: dict[str, str] = {}
    rows = list(layout.table(file, ("path", "label"), FORM))
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
        span = _span(row, f"{file}, line {line}")
        side = sides[row["split"]] if sides else "train"
        group = row.get("group") or path.as_posix()
        video = Video(path, label_of[row["label"]], side, group, span)
        if video.id in lines:
            raise UserError(f"{file}, line {line}: {video.id} is in line {lines[video.id]} already")
        lines[video.id] = line
        videos.append(video)
    dataset = layout.listed("csv", folder, class_names, videos)
    if sides:
        splitting.check(dataset.videos, class_names, str(file))
        return dataset
    return replace(dataset, videos=splitting.at_random(dataset.videos, split, str(file)))


def _span(row: dict[str, str], where: str) -> Span | None:
    """Returns the part of a file that a row names, None for the whole."""
    texts = row.get("start") or "0", row.get("end") or "inf"
    try:
        start, end = map(float, texts)
    except ValueError:
        start = end = math.nan
    if not 0 <= start < end or math.isinf(start):
        raise UserError(
            f"{where}: start and end must be seconds, the end after the start, or empty; they are "
            f"'{row.get('start', '')}' and '{row.get('end', '')}'"
        )
    return Span(start, end) if start or not math.isinf(end) else None


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
