import cv2
import numpy as np
import pytest

from jaxvid.data import records, video
from jaxvid.data.datasets import ucfsports
from jaxvid.data.modalities import Rgb
from jaxvid.data.prepare import preparation
from jaxvid.errors import UserError


def test_reads_videos_and_frame_folders(tree):
    """As distributed: a video with its frames and annotations, or frames alone."""
    root = tree(
        "ucf action/Diving-Side/001/2538-5_70133.avi",
        "ucf action/Diving-Side/001/2538-5_70133_001.jpg",
        "ucf action/Diving-Side/001/gt/2538-5_70133_001.txt",
        "ucf action/Diving-Side/002/2538-5_70134.avi",
        "ucf action/Golf-Swing-Back/001/3283-8_700780.avi",
        "ucf action/Golf-Swing-Front/001/frame_1.jpg",
        "ucf action/Golf-Swing-Side/001/RF1.jpg",
        "ucf action/Golf-Swing-Side/001/gt/RF1.txt",
        "ucf action/Swing-Bench/001/jpeg/a1.jpg",
        "ucf action/Swing-Bench/002/a.avi",
        "ucf action/Swing-SideAngle/001/a.avi",
        "ucf action/Swing-SideAngle/002/a.avi",
    )
    dataset = ucfsports.read(root, 1)
    assert dataset.class_names == ("Diving", "Golf-Swing", "Swing-Bench", "Swing-Side")
    assert dataset.folder == root / "ucf action"
    assert [(clip.id, clip.label) for clip in dataset.videos] == [
        ("Diving-Side/001/2538-5_70133.avi", 0),
        ("Diving-Side/002/2538-5_70134.avi", 0),
        ("Golf-Swing-Back/001/3283-8_700780.avi", 1),
        ("Golf-Swing-Front/001", 1),
        ("Golf-Swing-Side/001", 1),
        ("Swing-Bench/001/jpeg", 2),
        ("Swing-Bench/002/a.avi", 2),
        ("Swing-SideAngle/001/a.avi", 3),
        ("Swing-SideAngle/002/a.avi", 3),
    ]
    assert {(c.label, c.split) for c in dataset.videos} == {
        (label, side) for label in range(4) for side in ("train", "test")
    }


def test_folders_by_the_plain_names_of_the_classes(tree):
    names = ("Diving", "GolfSwing", "Kicking", "Lifting", "Riding-Horse", "Running")
    names += ("SkateBoarding-Front", "Swing-Bench", "Swing-Side", "Walk-Front")
    root = tree(*(f"{name}/00{n}.avi" for name in names for n in (1, 2)))
    assert ucfsports.read(root, 1).class_names == tuple(ucfsports.CLASSES)


def test_the_full_dataset_is_counted(tree, caplog):
    paths = [f"{name}/{n:03d}/a.avi" for name, n in ucfsports.CLASSES.items() for n in range(n)]
    dataset = ucfsports.read(tree(*paths), 1)
    assert len(dataset.videos) == 150
    assert abs(len(dataset.split("test")) - 45) <= 3
    assert not caplog.records
    (tree() / "Lifting/000/a.avi").unlink()
    ucfsports.read(tree("notes/readme.txt"), 1)
    assert "UCF Sports has 6 videos of Lifting; here: 5" in caplog.text
    assert "not classes of UCF Sports: notes" in caplog.text


def test_what_is_not_ucfsports_is_said_to_be_so(tree):
    with pytest.raises(UserError, match="has no folder like Diving-Side/"):
        ucfsports.read(tree("cooking/a.avi"), 1)
    with pytest.raises(UserError, match="Lifting holds neither a video nor a folder of frames"):
        ucfsports.read(tree("Lifting/001/a.txt"), 1)


def write_frames(folder, shades, size=(40, 30)):
    folder.mkdir(parents=True, exist_ok=True)
    for number, shade in shades.items():
        cv2.imwrite(str(folder / f"f_{number}.jpg"), np.full((*size[::-1], 3), shade, np.uint8))


def test_frame_folders_are_decoded_in_the_order_of_their_numbers(tmp_path):
    write_frames(tmp_path / "Kicking-Front/001", {1: 10, 10: 100, 2: 20})
    write_frames(tmp_path / "Kicking-Side/001", {1: 50})
    dataset = ucfsports.read(tmp_path, 1)
    modality = Rgb(24, 95)
    folder = preparation.prepare(dataset, modality, tmp_path / "cache", workers=1)
    record = records.RecordSource(folder, modality)["Kicking-Front/001"]
    frames = modality.read(record.frames, np.arange(3))
    assert frames.shape == (3, 24, 32, 3)
    np.testing.assert_allclose(frames[:, 12, 12, 0].astype(int), [10, 20, 100], atol=2)
    assert record.fps == 25
    write_frames(tmp_path / "Kicking-Front/001", {3: 30})
    assert preparation.prepare(dataset, modality, tmp_path / "cache", workers=1) != folder


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("empty", "a folder without frames"),
        ("no image", "frame f_2.jpg is not an image"),
        ("size", "frame f_2.jpg is 20x20, f_1.jpg 40x30"),
    ],
)
def test_bad_frame_folders_are_said_to_be_so(tmp_path, how, message):
    if how != "empty":
        write_frames(tmp_path, {1: 10})
        assert video.size(tmp_path) == (40, 30)
    if how == "no image":
        (tmp_path / "f_2.jpg").write_text("no")
    if how == "size":
        write_frames(tmp_path, {2: 10}, (20, 20))
    with pytest.raises(video.VideoError, match=message):
        list(video.decode(tmp_path))


def test_copies_of_a_clip_are_never_separated(tree):
    names = ("001.avi", "001/frame.jpg", "002/a.avi", "002/b.avi", "003/c.avi")
    root = tree(*(f"{folder}/{name}" for folder in ("Diving-Side", "Lifting") for name in names))
    groups = {clip.id: clip.group for clip in ucfsports.read(root, 1).videos}
    assert groups["Diving-Side/001.avi"] == "Diving-Side/001"
    assert groups["Diving-Side/002/a.avi"] == groups["Diving-Side/002/b.avi"]
    assert len(set(groups.values())) == 6
