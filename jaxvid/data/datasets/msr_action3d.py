"""MSR Action3D's skeletons as distributed: .txt files named aAA_sSS_eEE_skeleton3D.txt.

Li, Zhang, Liu: Action recognition based on a bag of 3D points, CVPR workshops 2010. Action, subject
and execution are in the name; `MSRAction3DSkeletonReal3D.rar` has 567 sequences. Wang et al. 2012,
and most others since, leave out ten whose skeletons are erroneous.
"""

import logging
import re
from collections import Counter
from pathlib import Path

from jaxvid.data.datasets import Dataset, Video, layout, splitting

TRAINING_SUBJECTS = (1, 3, 5, 7, 9)
SUBJECTS = 10
SEQUENCES = {"train sequences": 291, "test sequences": 266}  # without the erroneous ones
CLASSES = (
    *("high arm wave", "horizontal arm wave", "hammer", "hand catch", "forward punch"),
    *("high throw", "draw x", "draw tick", "draw circle", "hand clap", "two hand wave"),
    *("side-boxing", "bend", "forward kick", "side kick", "jogging", "tennis swing"),
    *("tennis serve", "golf swing", "pick up & throw"),
)
ERRONEOUS = (  # action, subject, execution
    *((7, 4, 1), (13, 2, 2), (13, 6, 1), (13, 6, 2), (13, 9, 2)),
    *((20, 2, 1), (20, 2, 2), (20, 2, 3), (20, 6, 1), (20, 8, 2)),
)

_NAME = re.compile(r"a(\d\d)_s(\d\d)_e(\d\d)_skeleton3D\.txt")

logger = logging.getLogger(__name__)


def read(root: Path, split: int) -> Dataset:
    """Reads the one split, cross-subject: odd subjects train, even ones test.

    `root` holds the files, as deep as they are. The group of a sequence is its subject. The
    erroneous sequences are left out with a warning. Raises UserError for another split, and where
    no file has such a name.
    """
    layout.check_root(root)
    splitting.only_split(split, "MSR Action3D")
    found = layout.named(
        *(root, _NAME, "a01_s01_e01_skeleton3D.txt"),
        lambda numbers: all(numbers) and numbers[0] <= len(CLASSES) and numbers[1] <= SUBJECTS,
    )
    if erroneous := sorted(found.keys() & set(ERRONEOUS)):
        names = ", ".join(str(found.pop(numbers)) for numbers in erroneous)
        reason = "as their skeletons are erroneous (Wang et al. 2012)"
        logger.warning("%d sequences are left out, %s: %s", len(erroneous), reason, names)
    videos = []
    for (action, subject, _), path in sorted(found.items()):
        side = "train" if subject in TRAINING_SUBJECTS else "test"
        videos.append(Video(path, action - 1, side, f"s{subject:02d}"))
    counts = Counter(f"{video.split} sequences" for video in videos)
    layout.warn_of_counts("MSR Action3D", SEQUENCES, counts)
    return Dataset("msr_action3d", root, CLASSES, tuple(videos), skeletons="msr_action3d")
