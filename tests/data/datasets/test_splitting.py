import random
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from jaxvid.data.datasets import Video, splitting
from jaxvid.errors import UserError


def clips(*classes: list[int]) -> list[Video]:
    """Clips of classes, each given as the sizes of its groups."""
    return [
        Video(Path(f"{label}/{group}_{n}.avi"), label, "", f"{label}/{group}")
        for label, sizes in enumerate(classes)
        for group, size in enumerate(sizes)
        for n in range(size)
    ]


def shares(split):
    """The share of each class that is tested on."""
    size = Counter(c.label for c in split)
    tested = Counter(c.label for c in split if c.split == "test")
    return {label: tested[label] / n for label, n in size.items()}


@pytest.mark.parametrize("number", range(1, 8))
def test_every_class_is_split_7_to_3_and_no_group_is(number):
    generator = random.Random(number)
    sizes = [[generator.randint(4, 9) for _ in range(25)] for _ in range(11)]
    split = splitting.at_random(clips(*sizes), number, "toy")
    assert all(abs(share - 0.3) < 0.04 for share in shares(split).values())
    sides = {(c.group, c.split) for c in split}
    assert len(sides) == len({group for group, _ in sides})


def test_single_videos_are_split_to_the_nearest():
    split = splitting.at_random(clips([1] * 10, [1] * 14, [1] * 3, [1] * 2, [1]), 1, "toy")
    tested = Counter(c.label for c in split if c.split == "test")
    assert tested == {0: 3, 1: 4, 2: 1, 3: 1}  # the last class, of one video, is trained on


def test_groups_that_span_classes_stay_whole():
    people = [
        Video(Path(f"{label}/p{person:02d}.avi"), label, "", f"p{person:02d}")
        for person in range(20)
        for label in range(6)
        if person % 4 != label  # nobody shows everything
    ]
    split = splitting.at_random(people, 3, "toy")
    assert all(0.15 <= share <= 0.45 for share in shares(split).values())
    assert not {c.group for c in split if c.split == "test"} & {
        c.group for c in split if c.split == "train"
    }


def test_no_class_loses_all_its_training_clips():
    shared = [Video(Path(f"{label}.avi"), label, "", "both") for label in range(2)]
    others = [Video(Path(f"more{n}.avi"), 1, "", f"more{n}") for n in range(9)]
    for number in range(20):
        split = splitting.at_random(shared + others, number, "toy")
        assert next(c for c in split if c.label == 0).split == "train"


def test_the_split_is_a_function_of_its_number_and_the_clips():
    first = clips([2] * 30, [3] * 30)
    split = splitting.at_random(first, 1, "toy")
    turned = splitting.at_random(first[::-1], 1, "toy")
    assert sorted(turned, key=lambda c: c.id) == sorted(split, key=lambda c: c.id)
    assert [c.id for c in split] == [c.id for c in first]
    others = {tuple(c.split for c in splitting.at_random(first, n, "toy")) for n in range(1, 9)}
    assert len(others) == 8


def test_the_split_stays_what_it_was():
    """Runs of other versions could not be compared otherwise."""
    split = splitting.at_random(clips([1] * 10), 1, "toy")
    assert [c.path.stem for c in split if c.split == "test"] == ["1_0", "2_0", "5_0"]


def test_a_few_clips_of_each_class_are_drawn(caplog):
    all_clips = splitting.at_random(clips([1] * 20, [2] * 10, [1] * 4), 1, "toy")
    drawn = splitting.few(all_clips, 3, 0, "toy")
    count = Counter((c.label, c.split) for c in drawn)
    assert [count[label, "train"] for label in range(3)] == [3, 3, 3]
    assert [c for c in drawn if c.split == "test"] == [c for c in all_clips if c.split == "test"]
    assert [c.id for c in drawn] == [c.id for c in all_clips]
    assert not caplog.messages

    def trained(split):
        return {c.id for c in split if c.split == "train"}

    assert trained(splitting.few(all_clips[::-1], 3, 0, "toy")) == trained(drawn)
    assert trained(drawn) < trained(splitting.few(all_clips, 5, 0, "toy"))
    assert len({frozenset(trained(splitting.few(all_clips, 3, n, "toy"))) for n in range(5)}) == 5
    assert "toy: 1 classes have fewer than 5 training videos, 3 the fewest" in caplog.text


def test_a_share_of_the_training_groups_is_for_validation():
    split = splitting.at_random(clips([2] * 20, [1] * 30, [1] * 2), 1, "toy")
    divided = splitting.validated(split, 0.2, 1, "toy")
    count = Counter((c.label, c.split) for c in divided)
    trained = Counter(c.label for c in split if c.split == "train")
    assert [count[label, "val"] for label in range(2)] == [6, 4]
    assert all(count[k, "train"] + count[k, "val"] == n for k, n in trained.items())
    assert count[2, "train"] == trained[2]  # a class of one training group keeps it
    tested = [c for c in split if c.split == "test"]
    assert [c for c in divided if c.split == "test"] == tested
    assert not splitting.shared_groups(divided)
    turned = splitting.validated(split[::-1], 0.2, 1, "toy")
    assert turned[::-1] == divided
    assert splitting.validated(split, 0.2, 2, "toy") != divided
    with pytest.raises(UserError, match=r"config.data.validation=0.1: toy has too few groups"):
        splitting.validated(splitting.at_random(clips([1] * 4, [1] * 4), 1, "toy"), 0.1, 1, "toy")


@pytest.mark.parametrize("number", range(1, 4))
def test_videos_are_drawn_one_by_one_on_request(number):
    videos = clips([4] * 25, [5] * 10, [7])
    unused = [replace(video, split="unused") for video in clips([], [], [], [2])]
    split = splitting.at_random(videos + unused, number, "toy", by_group=False)
    tested = Counter(c.label for c in split if c.split == "test")
    assert tested == {0: 30, 1: 15, 2: 2}
    assert [c.split for c in split[-2:]] == ["unused"] * 2
    assert len(splitting.shared_groups(split)) > 25  # of 36
    assert splitting.at_random(split[::-1], number, "toy", by_group=False) == split[::-1]
    assert splitting.at_random(videos, number + 1, "toy", by_group=False) != split[:-2]


def test_nothing_to_test_on_is_said():
    with pytest.raises(UserError, match="toy: every class has one video or one group"):
        splitting.at_random(clips([5], [1]), 1, "toy")


def test_names_of_sides():
    assert splitting.sides({"Train", "val"}, "x") == {"Train": "train", "val": "test"}
    chosen = splitting.sides({"train", "validation", "test"}, "x")
    assert chosen == {"train": "train", "validation": "val", "test": "test"}
    with pytest.raises(UserError, match="split 'dev' must be train, test or val"):
        splitting.sides({"train", "dev"}, "x")
    with pytest.raises(UserError, match="no video is in the test split"):
        splitting.sides({"train"}, "x")
