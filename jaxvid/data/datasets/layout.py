"""What the layouts of datasets have in common: finding folders, videos and lists."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from jaxvid.errors import UserError

VIDEO_SUFFIXES = (
    *(".3gp", ".asf", ".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov"),
    *(".mp4", ".mpe", ".mpeg", ".mpg", ".mts", ".mxf", ".ogv", ".ts", ".vob", ".webm", ".wmv"),
)


def check_root(root: Path) -> None:
    """Raises UserError where a dataset's folder does not exist or is empty."""
    if not root.is_dir():
        raise UserError(f"dataset folder {root} does not exist; set config.data.root")
    if not any(root.iterdir()):
        raise UserError(f"dataset folder {root} is empty; set config.data.root")


def subfolders(folder: Path) -> list[Path]:
    """Returns the folders in a folder, by name, without hidden ones."""
    return sorted(p for p in folder.iterdir() if _is_visible(p.name) and p.is_dir())


def find(root: Path, is_it: Callable[[Path], bool], depth: int = 1) -> Path | None:
    """Returns the folder for which `is_it` is true: the root, or one up to `depth` levels below."""
    level = [root]
    for _ in range(depth + 1):
        for folder in level:
            if is_it(folder):
                return folder
        level = [below for folder in level for below in subfolders(folder)]
    return None


def walk(folder: Path) -> Iterator[tuple[Path, list[str]]]:
    """Yields each folder from `folder` on and its files' names, by name, without hidden ones.

    Links are followed, but no folder comes twice.
    """
    seen: set[Path] = set()
    for name, below, files in os.walk(folder, followlinks=True):
        here = Path(name)
        if here.resolve() in seen:
            below.clear()
            continue
        seen.add(here.resolve())
        below[:] = sorted(filter(_is_visible, below))
        yield here, sorted(filter(_is_visible, files))


def is_video(name: str) -> bool:
    """Returns whether a file's name is that of a video."""
    return Path(name).suffix.lower() in VIDEO_SUFFIXES


def videos(folder: Path) -> list[Path]:
    """Returns the video files in a folder and all below it, by path."""
    return sorted(at / name for at, names in walk(folder) for name in names if is_video(name))


def lines(path: Path, part_of: str) -> list[tuple[int, str]]:
    """Returns the lines of a list that are not blank, stripped, each with its number from 1.

    `part_of` says what the list belongs to. Raises UserError where there is no such text file.
    """
    if not path.is_file():
        raise UserError(f"{path} does not exist: it is part of {part_of}")
    found = enumerate(text(path).splitlines(), 1)
    return [(number, line.strip()) for number, line in found if line.strip()]


def text(path: Path) -> str:
    """Returns the text of a file. Raises UserError for another encoding than UTF-8."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not text in UTF-8: {error}") from None


def check_found(found: object, missing: list[str], folder: Path) -> None:
    """Raises UserError where none of the videos that a dataset lists is there."""
    if not found:
        first = f"; the first is {missing[0]}" if missing else ": the lists are empty"
        raise UserError(f"none of the {len(missing)} listed videos is in {folder}{first}")


def _is_visible(name: str) -> bool:
    return not name.startswith(".") and name != "__MACOSX"
