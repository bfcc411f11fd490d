"""Kinetics-skeleton as distributed: a .json file of OpenPose's joints per video, and two lists.

Yan, Xiong, Lin: Spatial temporal graph convolutional networks, AAAI 2018. The joints are in
`kinetics_train/ID.json` and `kinetics_val/ID.json`; `kinetics_train_label.json` and
`kinetics_val_label.json` map every id to `has_skeleton`, `label` and `label_index`.
"""

import logging
from pathlib import Path

from jaxvid.data.datasets import Dataset, Video, layout, splitting
from jaxvid.errors import UserError
from jaxvid.runtime import files

logger = logging.getLogger(__name__)


def read(root: Path, split: int) -> Dataset:
    """Reads the official split, which is one: train, and val to test on.

    `root` holds the two folders and the two lists, or a folder that does. Clips without a skeleton
    are left out and counted in a warning; listed files that are not there are `missing`. Each video
    is a group of its own. Raises UserError where the folder is not laid out so, a list does not
    parse, two labels share an index, or no listed file exists.
    """
    layout.check_root(root)
    splitting.only_split(split, "Kinetics-skeleton")
    folder = layout.find(root, lambda f: (f / "kinetics_train_label.json").is_file())
    if folder is None:
        raise UserError(
            f"{root} has no kinetics_train_label.json: Kinetics-skeleton's root holds "
            "kinetics_train/, kinetics_val/ and the list of labels of each"
        )
    listed: list[tuple[Path, int, str]] = []
    label_of: dict[int, str] = {}
    empty = 0
    for part, side in (("train", "train"), ("val", "test")):
        path = folder / f"kinetics_{part}_label.json"
        for name, index, label, has_skeleton in _entries(path):
            if label_of.setdefault(index, label) != label:
                raise UserError(f"{path}: label {index} is '{label}' and '{label_of[index]}'")
            if has_skeleton:
                listed.append((Path(f"kinetics_{part}") / f"{name}.json", index, side))
            else:
                empty += 1
    if empty:
        logger.warning("%d videos of Kinetics-skeleton have no skeleton; they are left out", empty)
    indices = sorted(label_of)
    videos = [Video(p, indices.index(index), side, p.stem) for p, index, side in listed]
    class_names = tuple(label_of[index] for index in indices)
    return layout.listed("kinetics_skeleton", folder, class_names, videos, "kinetics_skeleton")


def _entries(path: Path) -> list[tuple[str, int, str, bool]]:
    """Returns the id, index, label and whether there is a skeleton of each video in a list."""
    if not path.is_file():
        raise UserError(f"{path} does not exist: it is part of Kinetics-skeleton")
    about = files.read_json(path)
    if not isinstance(about, dict):
        raise UserError(f"{path} must hold a map of videos")
    entries = []
    for name, entry in about.items():
        try:
            entries.append(
                (name, int(entry["label_index"]), str(entry["label"]), bool(entry["has_skeleton"]))
            )
        except (KeyError, TypeError, ValueError):
            raise UserError(
                f"{path}, video {name}: has_skeleton, label and label_index must be there"
            ) from None
    return entries
