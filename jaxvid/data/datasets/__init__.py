"""Datasets: indexes of video files read from the layout in which each is distributed.

A new dataset is one module here, whose `read(root, split)` returns a `Dataset`, and one line in
`jaxvid.config.names`.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from jaxvid.data.video_facts import Span
from jaxvid.errors import UserError

_LISTS = {"train": "training", "val": "validation"}  # names of sides of a split in messages


@dataclass(frozen=True)
class Video:
    """One labelled video: where it is, what it shows, on which side of the split it stands.

    It is a video file, a folder of frames or a file of joints, or the part `span` of one. Its id is
    the POSIX form of its path, and the part's seconds: "a/b.mp4", "a/b.mp4#t=2,4.5".
    """

    path: Path  # relative to the dataset's folder of videos
    label: int
    split: str  # train, val, test, or unused: none of them
    group: str  # videos of one group share actor or scene; a split never separates them
    span: Span | None = None

    @property
    def id(self) -> str:
        return f"{self.path.as_posix()}{self.span or ''}"


@dataclass(frozen=True)
class Dataset:
    """An index of videos. It opens no video."""

    name: str
    folder: Path  # the videos' paths are relative to it
    class_names: tuple[str, ...]
    videos: tuple[Video, ...]
    missing: tuple[str, ...] = ()  # listed by the dataset, not found on disk
    left_out: tuple[tuple[str, int], ...] = ()  # files that are no video, by kind, and their number
    skeletons: str = ""  # the entry of skeleton_files.FORMATS for its joints; empty: it has none

    def split(self, name: str) -> list[Video]:
        return [video for video in self.videos if video.split == name]


def each_once(dataset: Dataset) -> Dataset:
    """Returns the dataset without repeated videos.

    Raises UserError where a video is listed with two labels, or on two sides of the split.
    """
    videos: dict[str, Video] = {}
    for video in dataset.videos:
        before = videos.setdefault(video.id, video)
        if before.split != video.split:
            lists = " and in the ".join(_LISTS.get(c.split, c.split) for c in (before, video))
            raise UserError(f"{dataset.name}: {video.id} is in the {lists} list")
        if before.label != video.label:
            names = (dataset.class_names[c.label] for c in (before, video))
            raise UserError(f"{dataset.name}: {video.id} is listed as {' and as '.join(names)}")
    return replace(dataset, videos=tuple(videos.values()))


def take_classes(dataset: Dataset, names: tuple[str, ...]) -> Dataset:
    """Returns the dataset with these classes alone, in this order. Raises UserError."""
    if not names:
        return dataset
    unknown = [name for name in names if name not in dataset.class_names]
    if unknown:
        raise UserError(
            f"config.data.classes: {dataset.name} has no class {', '.join(unknown)}; "
            f"it has {', '.join(dataset.class_names)}"
        )
    if len(set(names)) < len(names):
        raise UserError("config.data.classes names a class twice")
    labels = {dataset.class_names.index(name): label for label, name in enumerate(names)}
    videos = tuple(replace(c, label=labels[c.label]) for c in dataset.videos if c.label in labels)
    return replace(dataset, class_names=tuple(names), videos=videos)
