"""NTU RGB+D (60 classes) as distributed: .skeleton files named SsssCcccPpppRrrrAaaa.skeleton.

Shahroudy, Liu, Ng, Wang: NTU RGB+D, CVPR 2016. Setup, camera, performer, replication and action are
in the name. Some samples have no whole skeletons: the dataset's page has a list of them.
"""

import logging
import re
from collections.abc import Sequence
from itertools import product
from pathlib import Path

from jaxvid.data.datasets import Dataset, Video, layout
from jaxvid.errors import UserError

SETUPS = 17  # those above, and the actions above 60, are of NTU RGB+D 120
SAMPLES = 56_880
CAMERAS = (1, 2, 3)
TRAINING_CAMERAS = (2, 3)
TRAINING_SUBJECTS = (1, 2, 4, 5, 8, 9, 13, 14, 15, 16, 17, 18, 19, 25, 27, 28, 31, 34, 35, 38)
CLASSES = (
    *("drink water", "eat meal/snack", "brushing teeth", "brushing hair", "drop", "pickup"),
    *("throw", "sitting down", "standing up (from sitting position)", "clapping", "reading"),
    *("writing", "tear up paper", "wear jacket", "take off jacket", "wear a shoe"),
    *("take off a shoe", "wear on glasses", "take off glasses", "put on a hat/cap"),
    *("take off a hat/cap", "cheer up", "hand waving", "kicking something"),
    "put something inside pocket / take out something from pocket",
    *("hopping (one foot jumping)", "jump up", "make a phone call/answer phone"),
    *("playing with phone/tablet", "typing on a keyboard", "pointing to something with finger"),
    *("taking a selfie", "check time (from watch)", "rub two hands together", "nod head/bow"),
    *("shake head", "wipe face", "salute", "put the palms together"),
    *("cross hands in front (say stop)", "sneeze/cough", "staggering", "falling"),
    *("touch head (headache)", "touch chest (stomachache/heart pain)"),
    *("touch back (backache)", "touch neck (neckache)", "nausea or vomiting condition"),
    "use a fan (with hand or paper)/feeling warm",
    *("punching/slapping other person", "kicking other person", "pushing other person"),
    *("pat on back of other person", "point finger at the other person"),
    *("hugging other person", "giving something to other person"),
    *("touch other person's pocket", "handshaking", "walking towards each other"),
    "walking apart from each other",
)

_NAME = re.compile(r"S(\d{3})C(\d{3})P(\d{3})R(\d{3})A(\d{3})")

logger = logging.getLogger(__name__)

Sample = tuple[int, int, int, int, int]


def read(root: Path, split: int) -> Dataset:
    """Reads split 1, cross-subject, or split 2, cross-view.

    `root` holds the files, as deep as they are. Samples that a text file there with `missing` in
    its name lists are left out. The group of a video is what its split keeps apart: its performer,
    or its camera. Samples of NTU RGB+D 120 are left out with a warning. Raises UserError where the
    split does not exist or no file has such a name.
    """
    layout.check_root(root)
    if split not in (1, 2):
        raise UserError(
            f"config.data.split={split}: NTU RGB+D has 1 (cross-subject) and 2 (cross-view)"
        )
    found: dict[Sample, Path] = {}
    incomplete: set[Sample] = set()
    newer = 0
    for folder, names in layout.walk(root):
        for name in names:
            if name.endswith(".txt") and "missing" in name.lower():
                incomplete |= _listed(folder / name)
            stem, _, suffix = name.rpartition(".")
            if suffix != "skeleton" or not (match := _NAME.fullmatch(stem)):
                continue
            setup, *_, action = sample = _sample(match.groups())
            if not all(sample):
                logger.warning("%s is no name of NTU RGB+D: its numbers count from 1", name)
            elif setup > SETUPS or action > len(CLASSES):
                newer += 1
            else:
                found[sample] = folder.relative_to(root) / name
    if not found:
        raise UserError(f"no file in {root} is named like S001C001P001R001A001.skeleton")
    if newer:
        logger.warning("%d files in %s are of NTU RGB+D 120; they are left out", newer, root)
    _check_counts(found)
    videos = []
    for sample in sorted(found.keys() - incomplete):
        _, camera, performer, _, action = sample
        trains = performer in TRAINING_SUBJECTS if split == 1 else camera in TRAINING_CAMERAS
        group = f"P{performer:03d}" if split == 1 else f"C{camera:03d}"
        videos.append(Video(found[sample], action - 1, "train" if trains else "test", group))
    return Dataset("ntu60", root, CLASSES, tuple(videos), skeletons="ntu60")


def _listed(path: Path) -> set[Sample]:
    text = path.read_text(encoding="utf-8", errors="replace")
    return {_sample(groups) for groups in _NAME.findall(text)}


def _sample(groups: Sequence[str]) -> Sample:
    setup, camera, performer, again, action = map(int, groups)
    return setup, camera, performer, again, action


def _name(sample: Sample) -> str:
    return "".join(f"{letter}{number:03d}" for letter, number in zip("SCPRA", sample, strict=True))


def _check_counts(found: dict[Sample, Path]) -> None:
    """Warns where all setups are there and samples are not."""
    if len({setup for setup, *_ in found}) != SETUPS or len(found) == SAMPLES:
        return
    # Every performance was recorded by all cameras, and everybody performed all actions.
    performed = {(setup, performer, again) for setup, _, performer, again, _ in found}
    actions = range(1, len(CLASSES) + 1)
    absent = sorted(
        {
            (setup, camera, performer, again, action)
            for (setup, performer, again), camera, action in product(performed, CAMERAS, actions)
        }
        - found.keys()
    )
    some = ": " + ", ".join(map(_name, absent[:10])) if absent else ""
    logger.warning(
        "NTU RGB+D has %d samples, and %d are here; not found%s%s",
        *(SAMPLES, len(found), some, " and others" if len(absent) > 10 else ""),
    )
