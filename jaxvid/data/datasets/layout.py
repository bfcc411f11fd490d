"""What the layouts of datasets have in common: finding folders, videos and lists."""

import csv
import io
import logging
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from jaxvid.data.datasets import Dataset, Video
from jaxvid.data.frame_folder import is_image
from jaxvid.data.video_suffixes import suffixes
from jaxvid.errors import UserError

logger = logging.getLogger(__name__)


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
    """Returns whether a file's name is that of a video: its suffix is of a format of videos."""
    return Path(name).suffix.lower() in suffixes()


def videos(folder: Path) -> list[Path]:
    """Returns the video files in a folder and all below it, by path."""
    return sorted(at / name for at, names in walk(folder) for name in names if is_video(name))


@dataclass(frozen=True)
class Clips:
    """What counts as a clip in folders: files, and folders of frames.

    `among` returns, of the names of a folder's files, those of clips and those of the frames of one
    clip, which is the folder. `name`, `frame`: a clip, and a clip's frame, in messages.
    """

    among: Callable[[Sequence[str]], tuple[list[str], set[str]]]
    name: str
    frame: str = ""

    def frames(self, folder: Path) -> set[str]:
        """Returns the names of the frames in a folder."""
        return self.among([p.name for p in folder.iterdir() if _is_visible(p.name)])[1]


def _videos_among(names: Sequence[str]) -> tuple[list[str], set[str]]:
    """Of a folder's names: the images of one that holds a video file are no frames."""
    videos = list(filter(is_video, names))
    return videos, set() if videos else set(filter(is_image, names))


VIDEOS = Clips(_videos_among, "video and no image", "img_00001.jpg")


def ending_in(suffix: str) -> Clips:
    """Returns the clips that are files with a suffix."""
    return Clips(
        lambda names: ([name for name in names if name.lower().endswith(suffix)], set()),
        f"file that ends in {suffix}",
    )


def search(folder: Path, left_out: Counter[str], clips: Clips = VIDEOS) -> list[Path]:
    """Returns the clips in a folder and all below it: files, and folders of frames.

    Those of a folder by name, before those of the folders in it; `folder` may be a folder of frames
    itself. Counts the other files in `left_out` by their suffix.
    """
    found = []
    for at, names in walk(folder):
        chosen, frames = clips.among(names)
        found += [at / name for name in chosen]
        if frames:
            found.append(at)
        left_out.update(map(kind, set(names).difference(chosen, frames)))
    return found


def named(
    root: Path, pattern: re.Pattern[str], example: str, is_valid: Callable[[tuple[int, ...]], bool]
) -> dict[tuple[int, ...], Path]:
    """Returns the files in `root`, as deep as they are, by the numbers that their names hold.

    `pattern` matches whole names, and its groups are the numbers. Left out with a warning are names
    whose numbers are not valid, and of two files of one name the second. Paths are relative to
    `root`. Raises UserError where no name is left, and says one that is right, `example`.
    """
    found: dict[tuple[int, ...], Path] = {}
    invalid, again = [], []
    for folder, names in walk(root):
        for match in filter(None, map(pattern.fullmatch, names)):
            path = folder.relative_to(root) / match[0]
            numbers = tuple(map(int, match.groups()))
            if not is_valid(numbers):
                invalid.append(path)
            elif found.setdefault(numbers, path) != path:
                again.append(path)
    for paths, reason in (
        (invalid, "no sequence of the dataset has the numbers in their names"),
        (again, "another folder has files of the same names"),
    ):
        if paths:
            some = ", ".join(map(str, paths[:10])) + (" and others" if len(paths) > 10 else "")
            logger.warning("%d files are left out, as %s: %s", len(paths), reason, some)
    if not found:
        raise UserError(f"no file in {root} is named like {example}")
    return found


def kind(name: str) -> str:
    """Returns the suffix by which a file is counted that is no video."""
    return Path(name).suffix.lower() or "without a suffix"


def kinds(left_out: Mapping[str, int]) -> str:
    """Returns numbers of files by kind as text: 3 .txt, 1 .jpg."""
    most = sorted(left_out.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{count:,} {kind}" for kind, count in most)


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


def table(path: Path, columns: Sequence[str], form: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Yields the line and the values of each row of a CSV file, stripped, by the header's names.

    `columns` must be in the header, once each, and not empty; `form` describes it to the user.
    Raises UserError, with the line, for another header, and a row that does not fit it.
    """
    reader = csv.reader(io.StringIO(text(path), newline=""), strict=True)
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        for column in columns:
            if header.count(column) != 1:
                raise UserError(
                    f"{path}, line 1: the header must have one column '{column}', and is "
                    f"'{','.join(header)}'; {form}, separated by commas"
                )
        for values in reader:
            if not any(value.strip() for value in values):
                continue
            if len(values) != len(header):
                raise UserError(
                    f"{path}, line {reader.line_num}: {len(values)} values where the header has "
                    f'{len(header)}; a value with a comma stands in "quotes"'
                )
            row = {name: value.strip() for name, value in zip(header, values, strict=True)}
            for column in columns:
                if not row[column]:
                    raise UserError(f"{path}, line {reader.line_num}: the {column} is empty")
            yield reader.line_num, row
    except csv.Error as error:
        raise UserError(f"{path}, line {reader.line_num}: {error}") from None


def listed(
    name: str,
    folder: Path,
    class_names: tuple[str, ...],
    videos: Sequence[Video],
    skeletons: str = "",
) -> Dataset:
    """Returns the dataset of the videos that are in `folder`, the others as `missing`.

    Raises UserError where none is there.
    """
    parents = {folder / video.path.parent for video in videos}
    there = {path for parent in parents if parent.is_dir() for path in parent.iterdir()}
    found = [video for video in videos if folder / video.path in there]
    missing = [video.id for video in videos if folder / video.path not in there]
    check_found(found, missing, folder)
    return Dataset(name, folder, class_names, tuple(found), tuple(missing), skeletons=skeletons)


def warn_of_counts(dataset: str, expected: Mapping[str, int], found: Mapping[str, int]) -> None:
    """Warns of each number of videos that is not that of a dataset as distributed."""
    for what, count in expected.items():
        if found.get(what, 0) != count:
            logger.warning("%s has %d %s; here: %d", dataset, count, what, found.get(what, 0))


def check_found(found: object, missing: list[str], folder: Path) -> None:
    """Raises UserError where none of the videos that a dataset lists is there."""
    if not found:
        first = f"; the first is {missing[0]}" if missing else ": the lists are empty"
        raise UserError(f"none of the {len(missing)} listed videos is in {folder}{first}")


def _is_visible(name: str) -> bool:
    return not name.startswith(".") and name != "__MACOSX"
