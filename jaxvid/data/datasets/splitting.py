"""Which videos are for training, validation and testing, where a dataset or a user does not say.

The random split of the deep fusion paper, section 4.2, is 7:3, by video. Ours: stratified by class
and, unless a config asks for the paper's, no group of videos on both sides.
"""

import hashlib
import logging
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from jaxvid.data.datasets import Video
from jaxvid.errors import UserError

TEST_SHARE = 0.3
SIDES = ("train", "val", "test")  # of a split; on the side "unused" are the other videos
VALIDATION = ("val", "valid", "validate", "validation")

logger = logging.getLogger(__name__)


def at_random(
    videos: Sequence[Video], number: int, where: str, by_group: bool = True
) -> tuple[Video, ...]:
    """Returns the videos with their sides in the random split `number`: 7 train to 3 test.

    Each class is split so, as nearly as its groups allow; a class of one group is trained on.
    Without `by_group` each video is drawn by itself, and its group may be on both sides. A function
    of the number and the videos' ids, labels and groups, in any order. Videos on the side "unused"
    stay there. `where` names the videos in messages. Raises UserError where nothing is left to test
    on. Source: the deep fusion paper, section 4.2, which draws videos.
    """
    used = [video for video in videos if video.split != "unused"]
    drawn = used if by_group else [replace(video, group=video.id) for video in used]
    test = _groups(drawn, TEST_SHARE, number)
    if not test:
        raise UserError(
            f"{where}: every class has one video or one group of them, so that none is left to "
            "test on; add videos, or say which is which"
        )

    def side(video: Video) -> str:
        if video.split == "unused":
            return "unused"
        return "test" if (video.group if by_group else video.id) in test else "train"

    return tuple(replace(video, split=side(video)) for video in videos)


def validated(videos: Sequence[Video], share: float, number: int, where: str) -> tuple[Video, ...]:
    """Returns the videos with a share of the training videos on the side "val".

    Each class is divided so, as nearly as its groups allow, and keeps videos to train on. A
    function of the share, the number and the training videos' labels and groups, in any order.
    Raises UserError where no group can be taken.
    """
    val = _groups([c for c in videos if c.split == "train"], share, f"val/{number}")
    if not val:
        raise UserError(
            f"config.data.validation={share}: {where} has too few groups of training videos for "
            "any of them to be taken; take a larger share, or 0 for no validation"
        )
    return tuple(
        replace(c, split="val") if c.split == "train" and c.group in val else c for c in videos
    )


def few(videos: Sequence[Video], count: int, seed: int, where: str) -> tuple[Video, ...]:
    """Returns the videos with all but `count` training videos of each class on the side "unused".

    A function of the seed and the videos' ids, in any order; with the same seed a larger `count`
    keeps what a smaller one does. Warns of classes that have fewer. `where` names them.
    """
    drawn: Counter[int] = Counter()
    unused: set[str] = set()
    trained = [video for video in videos if video.split == "train"]
    for video in sorted(trained, key=lambda video: draw(seed, video.id)):
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


def draw(number: int | str, name: str) -> bytes:
    """Returns what a name is drawn by: names in the order of it are in random order."""
    # A digest rather than a generator of random numbers: it is the same in every version of NumPy.
    return hashlib.sha256(f"{number}/{name}".encode(errors="surrogatepass")).digest()


def _groups(videos: Iterable[Video], share: float, number: int | str) -> set[str]:
    """Returns the groups, drawn by a number, that hold a share of each class, never all of one."""
    groups: dict[str, Counter[int]] = defaultdict(Counter)
    for video in videos:
        groups[video.group][video.label] += 1
    size = sum(groups.values(), Counter[int]())
    taken: Counter[int] = Counter()
    chosen: set[str] = set()

    def distance(label: int, more: int) -> float:
        return (taken[label] + more - share * size[label]) ** 2 / size[label]

    for group in sorted(groups, key=lambda name: draw(number, name)):
        labels = groups[group]
        leaves_some = all(taken[label] + n < size[label] for label, n in labels.items())
        gain = sum(distance(label, 0) - distance(label, n) for label, n in labels.items())
        if leaves_some and gain > 0:
            chosen.add(group)
            taken.update(labels)
    return chosen


def sides(names: Collection[str], where: str) -> dict[str, str]:
    """Returns which side each name of a split stands for: train, val or test.

    Validation videos are tested on where there are no test videos. Raises UserError for another
    name, and without videos to train or to test on.
    """
    chosen = {}
    for name in sorted(names):
        word = name.lower()
        if word in VALIDATION:
            has_test = any(other.lower() == "test" for other in names)
            chosen[name] = "val" if has_test else "test"
        elif word in ("train", "test"):
            chosen[name] = word
        else:
            raise UserError(f"{where}: split '{name}' must be train, test or val")
    for side in ("train", "test"):
        if side not in chosen.values():
            raise UserError(f"{where}: no video is in the {side} split")
    return chosen


def described(counts: Mapping[str, int]) -> str:
    """Returns the numbers of videos on each side, such as "10 training and 5 test"."""
    val = f", {counts['val']:,} validation" if counts["val"] else ""
    return f"{counts['train']:,} training{val} and {counts['test']:,} test"


def only_split(number: int, where: str) -> None:
    """Raises UserError for another split than the first of a dataset that has one."""
    if number != 1:
        raise UserError(f"config.data.split={number}: {where} has one split, number 1")


def shared_groups(videos: Iterable[Video]) -> list[str]:
    """Returns the groups that are on two sides of the split, by name."""
    sides: dict[str, set[str]] = defaultdict(set)
    for video in videos:
        if video.split in SIDES:
            sides[video.group].add(video.split)
    return sorted(group for group, found in sides.items() if len(found) > 1)


def check(videos: Sequence[Video], class_names: Sequence[str], where: str) -> None:
    """Checks a split that a user made; warns of groups on two sides.

    Raises UserError where a class has test or validation videos and no training videos.
    """
    labels: dict[str, set[int]] = {side: set() for side in SIDES}
    for video in videos:
        labels[video.split].add(video.label)
    for side in ("test", "val"):
        if untrained := sorted(labels[side] - labels["train"]):
            names = ", ".join(f"'{class_names[label]}'" for label in untrained)
            raise UserError(f"{where}: only the {side} split has videos of class {names}")
    shared = shared_groups(videos)
    if shared:
        logger.warning(
            "%s: %d groups are in two splits, %s among them", where, len(shared), shared[0]
        )
