import pytest

from jaxvid.data.datasets import ucf11
from jaxvid.errors import UserError


def videos(category: str, name: str, groups: int, clips: int = 4) -> list[str]:
    return [
        f"{category}/v_{name}_{group:02d}/v_{name}_{group:02d}_{clip:02d}.mpg"
        for group in range(1, groups + 1)
        for clip in range(1, clips + 1)
    ]


@pytest.mark.parametrize("above", ["", "UCF11_updated_mpg/"])
def test_reads_what_is_distributed(tree, above):
    names = videos("basketball", "shooting", 25) + videos("walking", "walk_dog", 25, 5)
    notes = ["basketball/Annotation/v_shooting_01_01.xgtf", "walking/Annotation/a.xgtf"]
    root = tree(*(above + name for name in names + notes))
    dataset = ucf11.read(root, 1)
    assert dataset.class_names == ("basketball", "walking")
    assert sorted(clip.id for clip in dataset.videos) == sorted(names)
    first = dataset.videos[0]
    assert (first.id, first.group) == (names[0], "basketball/v_shooting_01")
    for label in (0, 1):
        sides = [c.split for c in dataset.videos if c.label == label]
        assert abs(sides.count("test") / len(sides) - 0.3) <= 0.03
    groups = [{c.group for c in dataset.split(side)} for side in ("train", "test")]
    assert not groups[0] & groups[1]


def test_other_random_splits_are_other_numbers(tree):
    root = tree(*videos("basketball", "shooting", 25))
    first, second, again = (ucf11.read(root, number) for number in (1, 2, 1))
    assert first == again
    assert {c.id for c in first.split("test")} != {c.id for c in second.split("test")}


def test_missing_groups_are_named_where_all_categories_are_there(tree, caplog):
    names = [name for n in range(11) for name in videos(f"category{n}", "x", 25, 1)]
    ucf11.read(tree(*names), 1)
    assert not caplog.records
    (tree() / "category3/v_x_04/v_x_04_01.mpg").unlink()
    ucf11.read(tree(), 1)
    assert "category3 has no videos of 04" in caplog.text


def test_what_is_not_ucf11_is_said_to_be_so(tree):
    with pytest.raises(UserError, match="has no folder like basketball/v_shooting_01/"):
        ucf11.read(tree("basketball/a.mpg"), 1)
    with pytest.raises(UserError, match="hold no video"):
        ucf11.read(tree("basketball/v_shooting_01/a.txt"), 1)
