"""The samples of NTU RGB+D and NTU RGB+D 120, which share their names and how they are divided.

Setup, camera, performer, replication and action are in a file's name, SsssCccPpppRrrrAaaa.skeleton.
Some samples have no whole skeletons: the datasets' page has a list of them.
"""

import logging
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from jaxvid.data.datasets import Dataset, Video, layout
from jaxvid.errors import UserError

CAMERAS = (1, 2, 3)
ACTIONS = 60  # that everybody performed in each setup: the first ones up to setup 17, then the next
FIRST_SETUPS = 17
SETUP, CAMERA, PERFORMER, _, _ = range(5)  # places in a sample's numbers

_NAME = re.compile(r"S(\d{3})C(\d{3})P(\d{3})R(\d{3})A(\d{3})")
_FILE = re.compile(_NAME.pattern + r"\.skeleton")

logger = logging.getLogger(__name__)

Sample = tuple[int, ...]  # setup, camera, performer, replication, action


@dataclass(frozen=True)
class Protocol:
    """How samples are divided: those whose number at `place` is in `training` train."""

    name: str
    place: int
    training: Collection[int]


@dataclass(frozen=True)
class Release:
    """One of the two datasets: its names here and in print, its size, its classes, its splits."""

    name: str
    title: str
    setups: int
    samples: int
    classes: tuple[str, ...]
    protocols: tuple[Protocol, ...]


def read(release: Release, root: Path, split: int) -> Dataset:
    """Reads a release, divided by its protocol number `split`, from 1.

    `root` holds the files, as deep as they are. Samples that a text file there with `missing` in
    its name lists are left out. The group of a video is what its split keeps apart, such as its
    performer, P001. Samples of other setups or actions than the release has are left out with a
    warning. Raises UserError where the split does not exist or no file has such a name.
    """
    layout.check_root(root)
    if not 1 <= split <= len(release.protocols):
        known = " and ".join(f"{i} ({p.name})" for i, p in enumerate(release.protocols, 1))
        raise UserError(f"config.data.split={split}: {release.title} has {known}")
    found = layout.named(root, _FILE, "S001C001P001R001A001.skeleton", all)
    own = {sample: path for sample, path in found.items() if _is_of(release, sample)}
    if len(own) < len(found):
        logger.warning(
            "%d files in %s have a setup above %d or an action above %d, as %s has not; they are "
            "left out",
            *(len(found) - len(own), root, release.setups, len(release.classes), release.title),
        )
    _check_counts(release, own)
    protocol = release.protocols[split - 1]
    letter = "SCPRA"[protocol.place]
    videos = []
    for sample in sorted(own.keys() - _incomplete(root)):
        number = sample[protocol.place]
        side = "train" if number in protocol.training else "test"
        videos.append(Video(own[sample], sample[-1] - 1, side, f"{letter}{number:03d}"))
    return Dataset(release.name, root, release.classes, tuple(videos), skeletons=release.name)


def _is_of(release: Release, sample: Sample) -> bool:
    return sample[SETUP] <= release.setups and sample[-1] <= len(release.classes)


def _incomplete(root: Path) -> set[Sample]:
    """Returns the samples that the lists of those without whole skeletons name."""
    listed: set[Sample] = set()
    for folder, names in layout.walk(root):
        for name in names:
            if name.endswith(".txt") and "missing" in name.lower():
                text = (folder / name).read_text(encoding="utf-8", errors="replace")
                listed |= {tuple(map(int, numbers)) for numbers in _NAME.findall(text)}
    return listed


def _check_counts(release: Release, found: Mapping[Sample, Path]) -> None:
    """Warns where all setups are there and samples are not."""
    if len({setup for setup, *_ in found}) != release.setups or len(found) == release.samples:
        return
    # Every performance was recorded by all cameras, and everybody performed the setup's actions.
    performed = {(setup, performer, again) for setup, _, performer, again, _ in found}
    absent = sorted(
        {
            (setup, camera, performer, again, action + ACTIONS * (setup > FIRST_SETUPS))
            for (setup, performer, again), camera, action in product(
                performed, CAMERAS, range(1, ACTIONS + 1)
            )
        }
        - found.keys()
    )
    some = ": " + ", ".join(map(_named, absent[:10])) if absent else ""
    logger.warning(
        "%s has %d samples, and %d are here; not found%s%s",
        *(release.title, release.samples, len(found), some),
        " and others" if len(absent) > 10 else "",
    )


def _named(sample: Sample) -> str:
    return "".join(f"{letter}{number:03d}" for letter, number in zip("SCPRA", sample, strict=True))
