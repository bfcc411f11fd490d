"""NTU RGB+D (60 classes) as distributed: .skeleton files named SsssCcccPpppRrrrAaaa.skeleton.

Shahroudy, Liu, Ng, Wang: NTU RGB+D, CVPR 2016.
"""

from pathlib import Path

from jaxvid.data.datasets import Dataset, ntu_samples
from jaxvid.data.datasets.ntu_samples import CAMERA, PERFORMER, Protocol, Release

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

RELEASE = Release(
    name="ntu60",
    title="NTU RGB+D",
    setups=17,
    samples=56_880,
    classes=CLASSES,
    protocols=(
        Protocol("cross-subject", PERFORMER, TRAINING_SUBJECTS),
        Protocol("cross-view", CAMERA, TRAINING_CAMERAS),
    ),
)


def read(root: Path, split: int) -> Dataset:
    """Reads split 1, cross-subject, or split 2, cross-view, as `ntu_samples.read` does."""
    return ntu_samples.read(RELEASE, root, split)
