"""NTU RGB+D 120 as distributed: .skeleton files named SsssCccPpppRrrrAaaa.skeleton.

Liu, Shahroudy, Perez, Wang, Duan, Kot: NTU RGB+D 120, TPAMI 2020. The files of NTU RGB+D are the
first half of it: setups up to 17 and actions up to 60.
"""

from pathlib import Path

from jaxvid.data.datasets import Dataset, ntu60, ntu_samples
from jaxvid.data.datasets.ntu_samples import PERFORMER, SETUP, Protocol, Release

TRAINING_SUBJECTS = (
    *ntu60.TRAINING_SUBJECTS,
    *(45, 46, 47, 49, 50, 52, 53, 54, 55, 56, 57, 58, 59, 70, 74, 78, 80, 81, 82, 83, 84, 85, 86),
    *(89, 91, 92, 93, 94, 95, 97, 98, 100, 103),
)
TRAINING_SETUPS = range(2, 33, 2)
CLASSES = (
    *ntu60.CLASSES,
    *("put on headphone", "take off headphone", "shoot at the basket", "bounce ball"),
    *("tennis bat swing", "juggling table tennis balls", "hush (quite)", "flick hair", "thumb up"),
    *("thumb down", "make ok sign", "make victory sign", "staple book", "counting money"),
    *("cutting nails", "cutting paper (using scissors)", "snapping fingers", "open bottle"),
    *("sniff (smell)", "squat down", "toss a coin", "fold paper", "ball up paper"),
    *("play magic cube", "apply cream on face", "apply cream on hand back", "put on bag"),
    *("take off bag", "put something into a bag", "take something out of a bag", "open a box"),
    *("move heavy objects", "shake fist", "throw up cap/hat", "hands up (both hands)"),
    *("cross arms", "arm circles", "arm swings", "running on the spot"),
    *("butt kicks (kick backward)", "cross toe touch", "side kick", "yawn", "stretch oneself"),
    *("blow nose", "hit other person with something", "wield knife towards other person"),
    *("knock over other person (hit with body)", "grab other person's stuff"),
    *("shoot at other person with a gun", "step on foot", "high-five", "cheers and drink"),
    *("carry something with other person", "take a photo of other person", "follow other person"),
    *("whisper in other person's ear", "exchange things with other person"),
    *("support somebody with hand", "finger-guessing game (playing rock-paper-scissors)"),
)

RELEASE = Release(
    name="ntu120",
    title="NTU RGB+D 120",
    setups=32,
    samples=114_480,
    classes=CLASSES,
    protocols=(
        Protocol("cross-subject", PERFORMER, TRAINING_SUBJECTS),
        Protocol("cross-setup", SETUP, TRAINING_SETUPS),
    ),
)


def read(root: Path, split: int) -> Dataset:
    """Reads split 1, cross-subject, or split 2, cross-setup, as `ntu_samples.read` does."""
    return ntu_samples.read(RELEASE, root, split)
