"""Any CSV file of videos: `path,label[,split][,group]`."""

import csv
import io
import os
from collections.abc import Iterator
from pathlib import Path

from jaxvid.data.datasets import Dataset, Video, layout, splitting
from jaxvid.errors import UserError


def read(root: Path, split: int) -> Dataset:
    """Reads a CSV file: `root` is the file itself, or a folder with one .csv file in it.

    The header has `path` and `label`, and may have `split` (train, test, val) and `group`; other
    columns are not read. A path is relative to the file's folder, or absolute below it; a folder of
    frames is a video, too. Labels may be any strings. Without `split`, split N is the random one of
    that number, 7:3, as `splitting` draws it; without `group`, every video is one of its own.
    Videos that are not there are `missing`. Raises UserError, with the line, for a file or row that
    is not so, a video that comes twice, and where a class has videos to test on alone.
    """
    file = _file(root)
    folder = file.parent
    videos: list[Video] = []
    missing: list[str] = []
    lines: dict[Path, int] = {}
    sides: dict[str, str] = {}
    rows = list(_rows(file))
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
        if not side:
            continue
        group = row.get("group") or path.as_posix()
        if (folder / path).exists():
            videos.append(Video(path, label_of[row["label"]], side, group))
        else:
            missing.append(path.as_posix())
    layout.check_found(videos, missing, folder)
    if sides:
        splitting.check(videos, class_names, str(file))
        decided = tuple(videos)
    else:
        decided = splitting.at_random(videos, split, str(file))
    return Dataset("csv", folder, class_names, decided, tuple(missing))


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


def _rows(file: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Yields the line and the values of each row."""
    reader = csv.reader(io.StringIO(layout.text(file), newline=""), strict=True)
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        for column in ("path", "label"):
            if header.count(column) != 1:
                raise UserError(
                    f"{file}, line 1: the header must have one column '{column}', and is "
                    f"'{','.join(header)}'; path,label[,split][,group], separated by commas"
                )
        for values in reader:
            if not any(value.strip() for value in values):
                continue
            where = f"{file}, line {reader.line_num}"
            if len(values) != len(header):
                raise UserError(
                    f"{where}: {len(values)} values where the header has {len(header)}; a value "
                    'with a comma stands in "quotes"'
                )
            row = {name: value.strip() for name, value in zip(header, values, strict=True)}
            for column in ("path", "label"):
                if not row[column]:
                    raise UserError(f"{where}: the {column} is empty")
            yield reader.line_num, row
    except csv.Error as error:
        raise UserError(f"{file}, line {reader.line_num}: {error}") from None


def _path(value: str, folder: Path, where: str) -> Path:
    """Returns a video's path relative to the file's folder."""
    base = Path(os.path.normpath(folder.absolute()))
    path = Path(os.path.normpath(base / value))
    if path == base or not path.is_relative_to(base):
        raise UserError(
            f"{where}: {value} is not below {folder}: put the .csv file in a folder that holds all "
            "its videos"
        )
    return path.relative_to(base)
