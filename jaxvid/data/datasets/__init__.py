"""Datasets: indexes of video files read from the layout in which each is distributed.

A new dataset is one module here that returns a `Dataset`, and one line in `jaxvid.data.loading`.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from jaxvid.errors import UserError


@dataclass(frozen=True)
class Clip:
    """One labelled video: where it is, what it shows, on which side of the split it stands.

    It is a video file, a folder of frames or a file of joints.
    """

    path: Path  # relative to the dataset's folder of videos; its POSIX form is the clip's id
    label: int
    split: str  # train, test, or unused: neither
    group: str  # videos of one group share actor or scene; a split never separates them

    @property
    def id(self) -> str:
        return self.path.as_posix()


@dataclass(frozen=True)
class Dataset:
    """An index of clips. It opens no video."""

    name: str
    folder: Path  # the clips' paths are relative to it
    class_names: tuple[str, ...]
    clips: tuple[Clip, ...]
    missing: tuple[str, ...] = ()  # listed by the dataset, not found on disk
    skeletons: str = ""  # the entry of skeleton_files.FORMATS for its joints; empty: it has none

    def split(self, name: str) -> list[Clip]:
        return [clip for clip in self.clips if clip.split == name]


def each_once(dataset: Dataset) -> Dataset:
    """Returns the dataset without repeated clips.

    Raises UserError where a clip is listed with two labels, or on both sides of the split.
    """
    clips: dict[str, Clip] = {}
    for clip in dataset.clips:
        before = clips.setdefault(clip.id, clip)
        if before.split != clip.split:
            raise UserError(f"{dataset.name}: {clip.id} is in the training and in the test list")
        if before.label != clip.label:
            names = (dataset.class_names[c.label] for c in (before, clip))
            raise UserError(f"{dataset.name}: {clip.id} is listed as {' and as '.join(names)}")
    return replace(dataset, clips=tuple(clips.values()))


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
    clips = tuple(replace(c, label=labels[c.label]) for c in dataset.clips if c.label in labels)
    return replace(dataset, class_names=tuple(names), clips=clips)
