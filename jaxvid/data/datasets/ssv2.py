"""Something-Something v2 as distributed: JSON lists of labels, and numbered .webm files.

Goyal et al.: The "something something" video database, ICCV 2017. The lists of videos have entries
with `id`, `label` and `template`, the template with its placeholders in brackets; the list of
labels maps templates without brackets to numbers from 0.
"""

from pathlib import Path
from typing import Any

from jaxvid.data.datasets import Dataset, Video, layout, splitting
from jaxvid.errors import UserError
from jaxvid.runtime import files

CLASSES = 174
VIDEOS = {"train": 168_913, "validation": 24_777}


def read(root: Path, split: int) -> Dataset:
    """Reads the official split, which is one: train, and validation to test on.

    `root` holds `train.json`, `validation.json` and `labels.json`, or the same with a prefix that
    ends in a hyphen, at most one folder deep, and the folder of videos. Each video is a group of
    its own. Listed videos that are not there are `missing`. Raises UserError where the folder is
    not laid out so, a list does not parse, or no listed video exists.
    """
    layout.check_root(root)
    splitting.only_split(split, "Something-Something v2")
    class_names, number_of = _labels(_list(root, "labels"))
    folder = layout.find(root, lambda f: any(p.suffix == ".webm" for p in f.iterdir()))
    if folder is None:
        raise UserError(f"{root} has no folder of .webm files, 20bn-something-something-v2/")
    videos: list[Video] = []
    for part, side in (("train", "train"), ("validation", "test")):
        path = _list(root, part)
        entries = files.read_json(path)
        if not isinstance(entries, list):
            raise UserError(f"{path} must hold a list of videos")
        if len(class_names) == CLASSES:
            counts = {f"{part} videos": len(entries)}
            layout.warn_of_counts(
                "Something-Something v2", {f"{part} videos": VIDEOS[part]}, counts
            )
        for place, entry in enumerate(entries, 1):
            name, template = _template(entry, f"{path}, entry {place}")
            if template not in number_of:
                raise UserError(
                    f"{path}, entry {place}: template '{template}' is not in the list of labels"
                )
            videos.append(Video(Path(name), number_of[template], side, Path(name).stem))
    return layout.listed("ssv2", folder, class_names, videos)


def _list(root: Path, name: str) -> Path:
    found = sorted(
        path
        for pattern in ("*.json", "*/*.json")
        for path in root.glob(pattern)
        if path.stem == name or path.stem.endswith(f"-{name}")
    )
    if len(found) != 1:
        there = "several: " + ", ".join(map(str, found)) if found else "none"
        raise UserError(
            f"{root} should have one {name}.json, in it or one folder deep; it has {there}"
        )
    return found[0]


def _labels(path: Path) -> tuple[tuple[str, ...], dict[str, int]]:
    """Returns the class names by number, and the number of each template."""
    numbers = files.read_json(path)
    try:
        by_number = {int(number): _plain(template) for template, number in numbers.items()}
    except (AttributeError, TypeError, ValueError):
        by_number = {}
    if not by_number or sorted(by_number) != list(range(len(numbers))):
        raise UserError(f"{path}: templates must have the numbers from 0, each once")
    class_names = tuple(by_number[number] for number in sorted(by_number))
    return class_names, {name: number for number, name in enumerate(class_names)}


def _template(entry: Any, where: str) -> tuple[str, str]:
    try:
        return f"{int(entry['id'])}.webm", _plain(entry["template"])
    except (AttributeError, KeyError, TypeError, ValueError):
        raise UserError(
            f"{where}: an id, which is a number, and a template must be there"
        ) from None


def _plain(template: str) -> str:
    return template.replace("[", "").replace("]", "").strip()
