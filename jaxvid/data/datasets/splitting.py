"""Which videos are for training and which for testing, where a dataset does not say or a user does.

The random split of the deep fusion paper, section 4.1, is 7:3. Ours, where it is silent: stratified
by class, and no group of videos on both sides.
"""

import hashlib
import logging
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from jaxvid.data.datasets import Video
from jaxvid.errors import UserError

TEST_SHARE = 0.3
VALIDATION = ("val", "valid", "validate", "validation")

logger = logging.getLogger(__name__)


def at_random(videos: Sequence[Video], number: int, where: str) -> tuple[Video, ...]:
    """Returns the videos with their sides in the random split `number`: 7 train to 3 test.

    Each class is split so, as nearly as its groups allow; a class of one group is trained on. A
    function of the number and the videos' ids, labels and groups, in any order. `where` names the
    videos in messages. Raises UserError where nothing is left to test on.
    """
    groups: dict[str, Counter[int]] = defaultdict(Counter)
    for video in videos:
        groups[video.group][video.label] += 1
    size = Counter(video.label for video in videos)
    tested: Counter[int] = Counter()
    test: set[str] = set()
    # A digest rather than a generator of random numbers: it is the same in every version of NumPy.
    for group in sorted(groups, key=lambda name: _draw(number, name)):
        labels = groups[group]
        leaves_some = all(tested[label] + n < size[label] for label, n in labels.items())
        if leaves_some and _gain(labels, tested, size) > 0:
            test.add(group)
            tested.update(labels)
    if not test:
        raise UserError(
            f"{where}: every class has one video or one group of them, so that none is left to "
            "test on; add videos, or say which is which"
        )
    return tuple(replace(c, split="test" if c.group in test else "train") for c in videos)


def few(videos: Sequence[Video], count: int, seed: int, where: str) -> tuple[Video, ...]:
    """Returns the videos with all but `count` training videos of each class on the side "unused".

    A function of the seed and the videos' ids, in any order; with the same seed a larger `count`
    keeps what a smaller one does. Warns of classes that have fewer. `where` names them.
    """
    drawn: Counter[int] = Counter()
    unused: set[str] = set()
    trained = [video for video in videos if video.split == "train"]
    for video in sorted(trained, key=lambda video: _draw(seed, video.id)):
        if drawn[video.label] < count:
            drawn[video.label] += 1
        else:
            unused.add(video.id)
    lacking = [number for number in drawn.values() if number < count]
    if lacking:
        logger.warning(
            "%s: %d classes have fewer than %d training videos, %d the fewest",
            *(where, len(lacking), count, min(lacking)),
        )
    return tuple(replace(c, split="unused") if c.id in unused else c for c in videos)


def _draw(number: int, name: str) -> bytes:
    return hashlib.sha256(f"{number}/{name}".encode(errors="surrogatepass")).digest()


def _gain(labels: Counter[int], tested: Counter[int], size: Counter[int]) -> float:
    """Returns by how much the squared distances from 3 in 10 shrink when a group is tested on."""

    def distance(label: int, more: int) -> float:
        return (tested[label] + more - TEST_SHARE * size[label]) ** 2 / size[label]

    return sum(distance(label, 0) - distance(label, n) for label, n in labels.items())


def sides(names: Collection[str], where: str) -> dict[str, str]:
    """Returns which side each name of a split stands for: train, test, or "" for neither.

    Validation videos are tested on where there are no test videos; beside test videos they are not
    used, with a warning. Raises UserError for another name, and without one of the two.
    """
    chosen = {}
    for name in sorted(names):
        word = name.lower()
        if word in VALIDATION:
            has_test = any(other.lower() == "test" for other in names)
            chosen[name] = "" if has_test else "test"
        elif word in ("train", "test"):
            chosen[name] = word
        else:
            raise UserError(f"{where}: split '{name}' must be train, test or val")
        if not chosen[name]:
            logger.warning("%s: split %s is not used: there is a test split", where, name)
    for side in ("train", "test"):
        if side not in chosen.values():
            raise UserError(f"{where}: no video is in the {side} split")
    return chosen


def only_split(number: int, where: str) -> None:
    """Raises UserError for another split than the first of a dataset that has one."""
    if number != 1:
        raise UserError(f"config.data.split={number}: {where} has one split, number 1")


def shared_groups(videos: Iterable[Video]) -> list[str]:
    """Returns the groups that are in the training and in the test split, by name."""
    groups: dict[str, set[str]] = defaultdict(set)
    for video in videos:
        groups[video.split].add(video.group)
    return sorted(groups["train"] & groups["test"])


def check(videos: Sequence[Video], class_names: Sequence[str], where: str) -> None:
    """Checks a split that a user made; warns of groups on both sides.

    Raises UserError where a class has test videos and no training videos.
    """
    labels: dict[str, set[int]] = {"train": set(), "test": set()}
    for video in videos:
        labels[video.split].add(video.label)
    untrained = sorted(labels["test"] - labels["train"])
    if untrained:
        names = ", ".join(f"'{class_names[label]}'" for label in untrained)
        raise UserError(f"{where}: only the test split has videos of class {names}")
    shared = shared_groups(videos)
    if shared:
        logger.warning(
            "%s: %d groups are in both splits, %s among them", where, len(shared), shared[0]
        )
