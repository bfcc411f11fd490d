"""UTD-MHAD's skeletons as distributed: .mat files named aA_sS_tT_skeleton.mat.

Chen, Jafari, Kehtarnavaz: UTD-MHAD, ICIP 2015. Action, subject and trial are in the name. Eight
subjects performed 27 actions four times; three damaged sequences were left out by the authors. The
protocol is theirs: cross-subject.
"""

import re
from collections import Counter
from pathlib import Path

from jaxvid.data.datasets import Dataset, Video, layout, splitting

TRAINING_SUBJECTS = (1, 3, 5, 7)
SEQUENCES = {"train sequences": 431, "test sequences": 430}
CLASSES = (
    *("right arm swipe to the left", "right arm swipe to the right", "right hand wave"),
    *("two hand front clap", "right arm throw", "cross arms in the chest", "basketball shoot"),
    *("right hand draw x", "right hand draw circle (clockwise)"),
    *("right hand draw circle (counter clockwise)", "draw triangle", "bowling (right hand)"),
    *("front boxing", "baseball swing from right", "tennis right hand forehand swing"),
    *("arm curl (two arms)", "tennis serve", "two hand push", "right hand knock on door"),
    *("right hand catch an object", "right hand pick up and throw", "jogging in place"),
    *("walking in place", "sit to stand", "stand to sit", "forward lunge (left foot forward)"),
    "squat (two arms stretch out)",
)

_NAME = re.compile(r"a(\d+)_s(\d+)_t(\d+)_skeleton\.mat")


def read(root: Path, split: int) -> Dataset:
    """Reads the one split: subjects 1, 3, 5 and 7 train, the others test.

    `root` holds the files, as deep as they are. The group of a sequence is its subject. Raises
    UserError for another split, and where no file has such a name.
    """
    layout.check_root(root)
    splitting.only_split(split, "UTD-MHAD")
    found = layout.named(root, _NAME, "a1_s1_t1_skeleton.mat", _is_valid)
    videos = []
    for (action, subject, _), path in sorted(found.items()):
        side = "train" if subject in TRAINING_SUBJECTS else "test"
        videos.append(Video(path, action - 1, side, f"s{subject}"))
    counts = Counter(f"{video.split} sequences" for video in videos)
    layout.warn_of_counts("UTD-MHAD", SEQUENCES, counts)
    return Dataset("utd_mhad", root, CLASSES, tuple(videos), skeletons="utd_mhad")


def _is_valid(numbers: tuple[int, ...]) -> bool:
    return all(numbers) and numbers[0] <= len(CLASSES)
