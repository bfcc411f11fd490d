"""Any folder of class folders of videos."""

import logging
from collections import Counter
from pathlib import Path

from jaxvid.data.datasets import Dataset, Video, layout, splitting
from jaxvid.data.datasets.layout import Clips
from jaxvid.errors import UserError

logger = logging.getLogger(__name__)


def read(root: Path, split: int, clips: Clips = layout.VIDEOS) -> Dataset:
    """Reads a folder whose folders are classes, with videos as deep as they are.

    `clips`: what counts as a video. A folder of images without a video file does, too, but for the
    class folders themselves.
    Where its folders are `train` and `test` (or `val`, or both), they hold the class folders and
    are the split; else split N is the random one of that number, 7:3, as `splitting` draws it, with
    every video a group of its own. Names of classes may be any. Raises UserError where there are no
    two class folders, one holds no video, or a class has no videos to train on.
    """
    layout.check_root(root)
    names = [folder.name for folder in layout.subfolders(root)]
    known = {name for name in names if name.lower() in ("train", "test", *splitting.VALIDATION)}
    left_out: Counter[str] = Counter()
    is_split = any(name.lower() == "train" for name in known) and len(known) > 1
    if is_split and (others := [name for name in names if name not in known]):
        raise UserError(
            f"{root} has {', '.join(sorted(known))} and also {', '.join(others)}: these must be "
            "folders of a split or folders of classes"
        )
    if not is_split:
        _check_no_split(root, names, clips)
        class_names, paths = _classes(root, left_out, clips)
        undecided = [_video(root, path, label, "") for path, label in paths]
        videos = splitting.at_random(undecided, split, str(root))
        return Dataset("folder", root, class_names, videos, left_out=tuple(left_out.items()))
    splitting.only_split(split, str(root))
    sides = splitting.sides(known, str(root))
    parts = {part: _classes(root / part, left_out, clips) for part in sides}
    class_names = tuple(sorted({name for named, _ in parts.values() for name in named}))
    videos = tuple(
        _video(root, path, class_names.index(named[i]), sides[part])
        for part, (named, paths) in parts.items()
        for path, i in paths
    )
    splitting.check(videos, class_names, str(root))
    return Dataset("folder", root, class_names, videos, left_out=tuple(left_out.items()))


def _check_no_split(root: Path, names: list[str], clips: Clips) -> None:
    """Raises UserError where folders look like the parts of a split under other names."""
    inside = [
        {f.name for f in layout.subfolders(root / name) if not clips.frames(f)} for name in names
    ]
    if len(names) in (2, 3) and all(inside) and len(set.intersection(*inside)) > 1:
        same = ", ".join(sorted(set.intersection(*inside))[:3])
        raise UserError(
            f"the folders {', '.join(names)} in {root} all hold {same}: if they are parts of a "
            "split, name them train and test (or val); if they are classes, put their videos "
            "directly into them"
        )


def _video(root: Path, path: Path, label: int, side: str) -> Video:
    path = path.relative_to(root)
    return Video(path, label, side, path.as_posix())


def _classes(
    folder: Path, left_out: Counter[str], clips: Clips
) -> tuple[tuple[str, ...], list[tuple[Path, int]]]:
    """Returns the names of the classes, and each video with its label."""
    class_folders = layout.subfolders(folder)
    beside = [p.name for p in sorted(folder.iterdir()) if p.is_file() and p.name[0] != "."]
    loose, _ = clips.among(beside)
    if len(class_folders) < 2:
        also = f" and {len(loose)} videos beside" if loose else ""
        raise UserError(
            f"{folder} has {len(class_folders)} class folders{also}: there must be a "
            "folder for each of two classes or more, with the videos in it"
        )
    if loose:
        logger.warning(
            "%s: %d videos are in no class folder, %s among them", folder, len(loose), loose[0]
        )
    left_out.update(map(layout.kind, beside))
    paths = []
    for label, class_folder in enumerate(class_folders):
        others: Counter[str] = Counter()
        videos = sorted(layout.search(class_folder, others, clips))
        if class_folder in videos and len(videos) > 1:  # frames above its videos
            videos.remove(class_folder)
            others.update(map(layout.kind, clips.frames(class_folder)))
        left_out += others
        if class_folder in videos:
            raise UserError(
                f"class folder {class_folder} holds frames and no video: the frames of each video "
                f"must be in a folder of their own, such as {class_folder / 'VIDEO' / clips.frame}"
            )
        if not videos:
            there = f", but {layout.kinds(others)}" if others else ""
            raise UserError(
                f"class folder {class_folder} holds no {clips.name}{there}: remove it or fill it"
            )
        paths += [(path, label) for path in videos]
    return tuple(f.name for f in class_folders), paths
