"""Folds of cross-validation: every group of videos is tested on once.

The folds are stratified by class, as nearly as whole groups allow: groups are placed one by one,
the largest first, where their classes are furthest below their equal share.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace

from jaxvid.data.datasets import Dataset, Video
from jaxvid.data.datasets.splitting import draw
from jaxvid.errors import UserError

EACH_GROUP = -1  # data.folds: a fold for each group


def numbered(dataset: Dataset, folds: int) -> dict[str, int]:
    """Returns the fold of each group, from 1.

    `folds`: their number, or `EACH_GROUP`: one for each group, by name. A function of the groups,
    in any order of the videos. Videos on the side "unused" are in none. Raises UserError for more
    folds than groups, and where there is nothing to tell apart.
    """
    groups: dict[str, Counter[int]] = defaultdict(Counter)
    for video in _used(dataset.videos):
        groups[video.group][video.label] += 1
    size = sum(groups.values(), Counter[int]())
    if len(size) < 2:
        raise UserError(f"{dataset.name} has videos of {len(size)} class: there must be two")
    if max(folds, 2) > len(groups):
        raise UserError(
            f"config.data.folds={folds}: {dataset.name} has {len(groups)} groups, and each fold "
            "needs one or more"
        )
    if folds in (EACH_GROUP, len(groups)):
        return {group: number for number, group in enumerate(sorted(groups), 1)}
    held: list[Counter[int]] = [Counter() for _ in range(folds)]
    placed = {}
    for group in sorted(groups, key=lambda name: (-groups[name].total(), draw(folds, name))):
        labels = groups[group]

        def cost(fold: int, labels: Counter[int] = labels) -> tuple[float, int, int]:
            # By how much the squared distances from equal shares grow, in halves of a video.
            grown = sum(
                (2 * held[fold][label] + n - 2 * size[label] / folds) * n / size[label]
                for label, n in labels.items()
            )
            return round(grown, 9), held[fold].total(), fold

        best = min(range(folds), key=cost)
        held[best].update(labels)
        placed[group] = best + 1
    return placed


def tested(dataset: Dataset, folds: int, number: int) -> Dataset:
    """Returns the dataset with a fold, of `numbered`, on the side "test" and the others to train.

    Raises UserError where there is no such fold, or where it has a class that no other fold has.
    """
    fold_of = numbered(dataset, folds)
    count = max(fold_of.values())
    if number > count:
        raise UserError(
            f"config.data.split={number}: there are {count} folds (config.data.folds={folds}), and "
            "it is the number of the one to test on"
        )
    videos = tuple(
        video
        if video.split == "unused"
        else replace(video, split="test" if fold_of[video.group] == number else "train")
        for video in dataset.videos
    )
    trained, left = (_labels(videos, side) for side in ("train", "test"))
    if left - trained:
        names = ", ".join(dataset.class_names[label] for label in sorted(left - trained))
        raise UserError(
            f"config.data.folds={folds}: fold {number} would be tested on class {names}, of which "
            "its training side has no video; take other groups, or leave it out by "
            "config.data.classes"
        )
    return replace(dataset, videos=videos)


def not_tested(dataset: Dataset) -> list[str]:
    """Returns the names of the classes that have training videos and no test videos."""
    left = _labels(dataset.videos, "train") - _labels(dataset.videos, "test")
    return [dataset.class_names[label] for label in sorted(left)]


def _used(videos: Sequence[Video]) -> list[Video]:
    return [video for video in videos if video.split != "unused"]


def _labels(videos: Sequence[Video], side: str) -> set[int]:
    return {video.label for video in videos if video.split == side}
