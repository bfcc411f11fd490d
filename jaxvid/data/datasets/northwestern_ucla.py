"""Northwestern-UCLA's skeletons as shared: .json files named aAA_sSS_eEE_vVV.json.

Wang, Nie, Xia, Wu, Zhu: Cross-view action modeling, learning and recognition, CVPR 2014. Action,
subject, environment and view are in the name. Skeleton networks share the 1,484 sequences as one
folder, `all_sqe`; the numbers of the ten actions have gaps.
"""

import re
from collections import Counter
from pathlib import Path

from jaxvid.data.datasets import Dataset, Video, layout, splitting

TRAINING_VIEWS = (1, 2)
VIEWS = 3
SEQUENCES = {"train sequences": 1020, "test sequences": 464}
CLASSES = {
    **{1: "pick up with one hand", 2: "pick up with two hands", 3: "drop trash"},
    **{4: "walk around", 5: "sit down", 6: "stand up", 8: "donning", 9: "doffing"},
    **{11: "throw", 12: "carry"},
}

_NAME = re.compile(r"a(\d\d)_s(\d\d)_e(\d\d)_v(\d\d)\.json")


def read(root: Path, split: int) -> Dataset:
    """Reads the one split, cross-view: the views 1 and 2 train, view 3 tests.

    `root` holds the files, as deep as they are. The group of a sequence is its view. Raises
    UserError for another split, and where no file has such a name.
    """
    layout.check_root(root)
    splitting.only_split(split, "Northwestern-UCLA")
    labels = {action: label for label, action in enumerate(CLASSES)}
    found = layout.named(
        *(root, _NAME, "a01_s01_e00_v01.json"),
        lambda numbers: numbers[0] in CLASSES and 1 <= numbers[3] <= VIEWS,
    )
    videos = []
    for (action, _, _, view), path in sorted(found.items()):
        side = "train" if view in TRAINING_VIEWS else "test"
        videos.append(Video(path, labels[action], side, f"v{view:02d}"))
    counts = Counter(f"{video.split} sequences" for video in videos)
    layout.warn_of_counts("Northwestern-UCLA", SEQUENCES, counts)
    names = tuple(CLASSES.values())
    return Dataset("northwestern_ucla", root, names, tuple(videos), skeletons="northwestern_ucla")
