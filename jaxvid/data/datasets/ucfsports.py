"""UCF Sports as distributed: class folders, in them numbered folders of one clip each.

Rodriguez, Ahmed, Shah: Action MACH, CVPR 2008. A numbered folder holds a video file, its frames as
images, or both: `Diving-Side/001/2538-5_70133.avi`. The video is read where there is one, else the
frames, which then count as 25 a second. There is no official split, and no groups: every clip is
one of its own, though clips of a class may come from the same broadcast.
"""

import logging
from collections import Counter
from pathlib import Path

from jaxvid.data import frame_folder
from jaxvid.data.datasets import Dataset, Video, layout, splitting
from jaxvid.errors import UserError

# The ten classes of the dataset's page, with its numbers of clips. Its folders tell viewpoints
# apart, too: Golf-Swing-Back, -Front and -Side are one class, Kicking-Front and -Side another.
CLASSES = {
    "Diving": 14,
    "Golf-Swing": 18,
    "Kicking": 20,
    "Lifting": 6,
    "Riding-Horse": 12,
    "Run": 13,
    "SkateBoarding": 12,
    "Swing-Bench": 20,
    "Swing-Side": 13,
    "Walk": 22,
}

logger = logging.getLogger(__name__)


def read(root: Path, split: int) -> Dataset:
    """Reads the random split of this number, 7:3, as `splitting` draws it.

    `root` holds the class folders, or a folder of them. Raises UserError where it does not, or
    where a class folder holds no clip.
    """
    layout.check_root(root)
    folder = layout.find(root, lambda f: any(_class(c.name) for c in layout.subfolders(f)))
    if folder is None:
        raise UserError(
            f"{root} has no folder like Diving-Side/: UCF Sports' root holds the class folders"
        )
    class_folders = layout.subfolders(folder)
    others = [f.name for f in class_folders if not _class(f.name)]
    if others:
        logger.warning("%s: not classes of UCF Sports: %s", folder, ", ".join(others))
    present = {_class(f.name) for f in class_folders}
    class_names = tuple(name for name in CLASSES if name in present)
    videos = []
    for class_folder in class_folders:
        if not (name := _class(class_folder.name)):
            continue
        paths = _clips(class_folder)
        if not paths:
            raise UserError(f"{class_folder} holds neither a video nor a folder of frames")
        for path in (path.relative_to(folder) for path in paths):
            videos.append(Video(path, class_names.index(name), "", _recording(path)))
    if len(class_names) == len(CLASSES):
        expected = {f"videos of {name}": count for name, count in CLASSES.items()}
        counts = Counter(f"videos of {class_names[v.label]}" for v in videos)
        layout.warn_of_counts("UCF Sports", expected, counts)
    decided = splitting.at_random(videos, split, str(folder))
    return Dataset("ucfsports", folder, class_names, decided)


def _recording(path: Path) -> str:
    """Returns what a clip is a copy of: its numbered folder, or the file beside those."""
    beside = len(path.parts) == 2 and path.suffix
    return (path.with_suffix("") if beside else Path(*path.parts[:2])).as_posix()


def _class(folder: str) -> str:
    """Returns the class that a folder is of, or an empty string."""
    plain = _letters(folder)
    return next((name for name in CLASSES if plain.startswith(_letters(name))), "")


def _letters(name: str) -> str:
    return "".join(c for c in name.lower() if c.isalpha())


def _clips(class_folder: Path) -> list[Path]:
    """Returns the videos in a class folder, and the folders of frames that have no video."""
    clips = [p for p in sorted(class_folder.iterdir()) if p.is_file() and layout.is_video(p.name)]
    for folder in layout.subfolders(class_folder):
        frames = [at for at, _ in layout.walk(folder) if frame_folder.files(at)]
        clips.extend(layout.videos(folder) or frames)
    return clips
