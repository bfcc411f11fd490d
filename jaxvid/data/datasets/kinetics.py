"""Kinetics as its CSV lists name it, with the videos that could be found of it.

Kay et al.: The Kinetics human action video dataset, arXiv 1705.06950, and its successors. The
lists have the columns `label,youtube_id,time_start,time_end,split`. Files are cut to these seconds
and named `ID_SSSSSS_EEEEEE.mp4` (seconds with zeros in front), in any folders; or they are named
`ID.mp4` and cut here, unless they last at most a second longer than the seconds of the list: then
they are cut already, and whole. Where several entries share an `ID.mp4`, it must be uncut.
"""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from jaxvid.data.datasets import Dataset, Video, layout
from jaxvid.data.datasets.splitting import VALIDATION
from jaxvid.data.video_facts import Span
from jaxvid.errors import UserError

COLUMNS = ("label", "youtube_id", "time_start", "time_end", "split")


@dataclass(frozen=True)
class _Row:
    label: str
    video: str  # the YouTube id
    cut: str  # the id with its seconds
    side: str  # train, val or test
    start: float  # seconds
    end: float


def read(root: Path, split: int) -> Dataset:
    """Reads the lists: split 1 tests on the validation videos, split 2 on the test videos.

    Under split 2 the validation videos are on the side "val". `root` holds the lists, at most one
    folder deep, and the videos, as deep as they are. Classes stand in alphabetical order; the
    entries of one YouTube video are a group. Listed videos that are not there are `missing`. Raises
    UserError where there is no list, a row does not parse, a side of the split has no row, or no
    listed video exists.
    """
    layout.check_root(root)
    if split not in (1, 2):
        raise UserError(f"config.data.split={split}: Kinetics has 1 (validation) and 2 (test)")
    names = VALIDATION if split == 1 else ("test",)
    rows = [row for path in _lists(root) for row in _rows(path, names)]
    for side, what in (("train", "train"), ("test", names[0])):
        if not any(row.side == side for row in rows):
            raise UserError(f"the lists in {root} have no row whose split is {what}")
    rows.sort(key=lambda row: row.side == "val")  # stable: a file of both lists is to test on
    class_names = tuple(sorted({row.label for row in rows}))
    label_of = {name: label for label, name in enumerate(class_names)}
    found = {path.stem: path.relative_to(root) for path in reversed(layout.videos(root))}
    shared = Counter(video for video, *_ in {(row.video, row.start, row.end) for row in rows})
    videos: dict[str, Video] = {}
    missing = []
    for row in rows:
        path, span = found.get(row.cut), None
        if path is None and (path := found.get(row.video)):
            span = Span(row.start, row.end, or_whole=shared[row.video] == 1)
        video = Video(path or Path(), label_of[row.label], row.side, row.video, span)
        if path is None or video.id in videos:
            missing.append(f"{row.cut}.mp4")
        else:
            videos[video.id] = video
    layout.check_found(videos, missing, root)
    return Dataset("kinetics", root, class_names, tuple(videos.values()), tuple(missing))


def _lists(root: Path) -> list[Path]:
    lists = []
    for path in sorted([*root.glob("*.csv"), *root.glob("*/*.csv")]):
        with path.open("rb") as file:
            if b"youtube_id" in file.readline():  # other tables may lie beside the lists
                lists.append(path)
    if not lists:
        raise UserError(
            f"{root} has no .csv list: Kinetics' root holds lists with the columns "
            f"{','.join(COLUMNS)}"
        )
    return lists


def _rows(path: Path, tested: tuple[str, ...]) -> list[_Row]:
    """Returns the rows of a list; those of the splits named in `tested` are to test on."""
    rows = []
    for line, values in layout.table(path, COLUMNS[1:], ",".join(COLUMNS)):
        where, part = f"{path}, line {line}", values["split"].lower()
        if part not in ("train", "test", *VALIDATION):
            raise UserError(f"{where}: split '{part}' must be train, validate or test")
        if part == "test" and part not in tested:
            continue
        # Older lists of the test videos have no labels.
        label, video = values.get("label"), values["youtube_id"]
        if not label:
            raise UserError(f"{where}: the label is empty")
        try:
            start, end = (float(values[column]) for column in ("time_start", "time_end"))
            cut = f"{video}_{round(start):06d}_{round(end):06d}"
        except (ValueError, OverflowError):
            raise UserError(f"{where}: time_start and time_end must be seconds") from None
        if not 0 <= start < end:
            raise UserError(f"{where}: time_end must be after time_start")
        side = "test" if part in tested else "train" if part == "train" else "val"
        rows.append(_Row(label, video, cut, side, start, end))
    return rows
