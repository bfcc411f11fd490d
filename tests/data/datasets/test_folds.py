import random
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from jaxvid.data.datasets import Dataset, Video, folds
from jaxvid.errors import UserError


def dataset(*groups: dict[int, int], classes: int = 0) -> Dataset:
    """Groups of videos, each given as how many it has of each class."""
    videos = tuple(
        Video(Path(f"g{g:02}/{label}_{n}.avi"), label, "train" if n else "test", f"g{g:02}")
        for g, group in enumerate(groups)
        for label, count in group.items()
        for n in range(count)
    )
    count = classes or 1 + max(video.label for video in videos)
    return Dataset("toy", Path(), tuple("abcdefgh"[:count]), videos)


@pytest.mark.parametrize("seed", range(5))
def test_each_group_is_tested_on_once(seed):
    rng = random.Random(seed)
    toy = dataset(*({rng.randrange(4): rng.randint(1, 5) for _ in range(3)} for _ in range(30)))
    tested: Counter[str] = Counter()
    for number in range(1, 6):
        divided = folds.tested(toy, 5, number)
        sides = {(video.group, video.split) for video in divided.videos}
        assert len(sides) == 30  # no group is on two sides
        tested.update(video.id for video in divided.split("test"))
    assert tested == Counter(video.id for video in toy.videos)


def test_folds_are_stratified_to_the_video_where_groups_are_single_videos():
    toy = dataset(*({label: 1} for label, size in enumerate((11, 20, 3)) for _ in range(size)))
    numbers = folds.numbered(toy, 4)
    by_class = [Counter(numbers[v.group] for v in toy.videos if v.label == k) for k in range(3)]
    assert [sorted(counts.values()) for counts in by_class] == [[2, 3, 3, 3], [5] * 4, [1] * 3]
    assert sorted(Counter(numbers.values()).values()) == [8, 8, 9, 9]


def test_folds_are_stratified_as_nearly_as_groups_allow():
    # Everybody shows every class equally often, but for one class that four of twelve show.
    toy = dataset(*({0: 3, 1: 3} | ({2: 2} if g % 3 == 0 else {}) for g in range(12)))
    numbers = folds.numbered(toy, 4)
    for label, share in ((0, 9), (1, 9), (2, 2)):
        counts = Counter(numbers[video.group] for video in toy.videos if video.label == label)
        assert sorted(counts.values()) == [share] * 4


def test_folds_are_a_function_of_the_groups():
    rng = random.Random(0)
    toy = dataset(*({rng.randrange(3): rng.randint(1, 3)} for _ in range(20)))
    turned = replace(toy, videos=toy.videos[::-1])
    assert folds.numbered(turned, 3) == folds.numbered(toy, 3)
    assert folds.tested(turned, 3, 2).videos[::-1] == folds.tested(toy, 3, 2).videos
    again = folds.tested(folds.tested(toy, 3, 1), 3, 2)  # whatever the sides were
    assert again == folds.tested(toy, 3, 2)


def test_the_folds_stay_what_they_were():
    """Runs of other versions could not be compared otherwise."""
    numbers = folds.numbered(dataset(*({n % 2: 1} for n in range(8))), 3)
    assert [numbers[group] for group in sorted(numbers)] == [2, 1, 3, 2, 2, 1, 1, 3]


def test_one_group_at_a_time_is_left_out_by_name():
    toy = dataset({0: 2, 1: 1}, {0: 1, 1: 1}, {1: 2, 0: 1})
    assert folds.numbered(toy, folds.EACH_GROUP) == {"g00": 1, "g01": 2, "g02": 3}
    assert {v.group for v in folds.tested(toy, folds.EACH_GROUP, 2).split("test")} == {"g01"}


def test_unused_videos_stay_out():
    toy = dataset({0: 2, 1: 1}, {0: 1, 1: 1}, {1: 2, 0: 1})
    unused = replace(toy.videos[0], split="unused", group="other", path=Path("other.avi"))
    toy = replace(toy, videos=(unused, *toy.videos))
    divided = folds.tested(toy, 2, 1)
    assert divided.videos[0] == unused
    assert "other" not in folds.numbered(toy, folds.EACH_GROUP)


def test_a_class_that_a_fold_does_not_test_is_named():
    toy = dataset({0: 1, 1: 1}, {0: 1, 1: 1}, {0: 1}, classes=3)
    assert folds.not_tested(folds.tested(toy, folds.EACH_GROUP, 1)) == []
    assert folds.not_tested(folds.tested(toy, folds.EACH_GROUP, 3)) == ["b"]


@pytest.mark.parametrize(
    ("toy", "count", "number", "message"),
    [
        (dataset({0: 2, 1: 2}, {0: 1, 1: 1}), 3, 1, r"folds=3: toy has 2 groups"),
        (dataset({0: 2, 1: 2}), -1, 1, r"folds=-1: toy has 1 groups"),
        (dataset({0: 2, 1: 2}, {0: 1, 1: 1}), 2, 3, r"split=3: there are 2 folds"),
        (dataset({0: 2}, {0: 1}), 2, 1, r"toy has videos of 1 class: there must be two"),
        (
            dataset({0: 2}, {0: 1, 1: 2}),
            -1,
            2,
            r"fold 2 would be tested on class b, of which its training side has no video",
        ),
    ],
)
def test_what_cannot_be_meant_is_said(toy, count, number, message):
    with pytest.raises(UserError, match=message):
        folds.tested(toy, count, number)
