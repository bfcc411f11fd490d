from pathlib import Path

import cv2
import numpy as np
import pytest

from jaxvid.data import flow, frame_folder, records, video
from jaxvid.data.datasets import Dataset, Video
from jaxvid.data.modalities import Flow, Rgb
from jaxvid.data.prepare import preparation
from jaxvid.data.prepare.report import lines
from jaxvid.data.video import VideoError

FILES = Flow(32, 95, "files", 20.0)


def write(folder: Path, *names: str, size=(40, 30)) -> Path:
    folder.mkdir(exist_ok=True)
    for shade, name in enumerate(names, 1):
        cv2.imwrite(str(folder / name), np.full((*size[::-1], 3), shade % 256, np.uint8))
    return folder


def toolbox(folder: Path, count: int = 6, flows: int = 5) -> Path:
    """A video as the large toolboxes lay it out; frame i moves by 2 i - 4 and 4 pixels."""
    write(folder, *(f"img_{i:05d}.jpg" for i in range(1, count + 1)))
    for i in range(1, flows + 1):
        for name, pixels in (("x", 2 * i - 4), ("y", 4)):
            stored = flow.quantise(np.full((30, 40), pixels, np.float32), 20)
            cv2.imwrite(str(folder / f"flow_{name}_{i:05d}.jpg"), stored)
    return folder


@pytest.mark.parametrize(
    "names",
    [
        [f"img_{i}.jpg" for i in range(12)],
        [f"2538-5_{70133 + i}.JPG" for i in range(3)],
        [f"{i:04d}_{i / 25:.3f}s.png" for i in range(60)],
        [f"cut_2024-03-0{day}_23-{m:02d}-30.jpg" for day in (1, 2) for m in (1, 5)],
        [f"{i / 25:.2f}.jpg" for i in range(60)],
        ["1.jpg", "2.jpeg", "10.jpg"],
        ["one.jpg"],
    ],
)
def test_one_series_is_a_video(tmp_path, names):
    folder = write(tmp_path / "v", *names, ".hidden.jpg")
    assert [path.name for path in frame_folder.pictures(folder)] == names
    assert len(list(video.decode(folder))) == len(names)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (
            [f"cam{c}_{i:04d}.jpg" for c in (1, 2) for i in range(3)],
            r"its 6 images are several series: cam1_\*.jpg \(3\), cam2_\*.jpg \(3\); put",
        ),
        (
            ["img_1.jpg", "img_2.jpg", "depth_1.png", "depth_2.png"],
            r"depth_\*.png \(2\), img_\*.jpg",
        ),
        (["img_1.jpg", "img_2.jpg", "cover.jpg"], r"cover.jpg \(1\), img_\*.jpg \(2\)"),
        (["1.jpg", "2.jpg", "1.png", "2.png"], r"\*.jpg \(2\), \*.png \(2\)"),
        ([f"{c}.jpg" for c in "abcdefg"], r"d.jpg \(1\) and 3 more"),
        (["img_1.jpg", "flow_x_1.jpg"], "several series"),
        (["1.jpg", "2.jpg", "01.jpg"], "two of its images have the same number"),
    ],
)
def test_several_series_are_refused_with_their_names(tmp_path, names, message):
    with pytest.raises(VideoError, match=message):
        list(video.decode(write(tmp_path / "v", *names)))


@pytest.mark.parametrize("flows", [5, 6])
def test_the_pictures_of_the_toolboxes_layout_are_the_video(tmp_path, flows):
    folder = toolbox(tmp_path / "v", flows=flows)
    frames = list(video.decode(folder))
    assert [round(float(frame.mean())) for frame in frames] == [1, 2, 3, 4, 5, 6]
    assert video.size(folder) == (40, 30)


def test_flow_images_are_left_with_a_word(tmp_path):
    toolbox(tmp_path / "v")
    write(tmp_path / "w", "1.jpg", "2.jpg")
    videos = tuple(Video(Path(name), 0, "train", name) for name in "vw")
    dataset = Dataset("toy", tmp_path, ("one",), videos)
    summary = preparation.check(dataset, Rgb(32, 95), workers=1)
    assert (summary["frames"], summary["flow_images"]) == (8, ["v"])
    assert any("data.flow.method=files alone: 1, v" in line for line in lines(summary))
    summary = preparation.check(dataset, FILES, workers=1)
    assert (summary["frames"], summary["flow_images"]) == (6, [])
    assert list(summary["failures"]) == ["it holds no images of optical flow (flow_x_*, flow_y_*)"]


@pytest.mark.parametrize(("flows", "last"), [(5, 5), (6, 6)])
def test_flow_images_serve_as_flow(tmp_path, flows, last):
    # Stored at half their size: the vectors are halved, and so is each pixel's way.
    modality = Flow(15, 100, "files", 20.0)
    record = records.decode(toolbox(tmp_path / "v", flows=flows), modality)
    assert (record.fps, len(record.frames)) == (25, 6)
    stored = record.read(modality, np.arange(6))
    assert stored.shape == (6, 15, 20, 2)
    pixels = (stored[:, 7, 10] / 127.5 - 1) * 20
    expected = [[(2 * i - 4) / 2, 2] for i in [1, 2, 3, 4, 5, last]]
    np.testing.assert_allclose(pixels, expected, atol=0.2)


def test_flow_images_without_pictures_are_a_video_of_flow_alone(tmp_path):
    folder = toolbox(tmp_path / "v", count=0)
    assert len(records.decode(folder, FILES).frames) == 5
    with pytest.raises(VideoError, match="images of optical flow, and no pictures"):
        list(video.decode(folder))


def test_bad_flow_images_are_said_to_be_so(tmp_path):
    with pytest.raises(VideoError, match="holds 3 images of optical flow and 6 pictures"):
        records.decode(toolbox(tmp_path / "few", flows=3), FILES)
    folder = toolbox(tmp_path / "gap")
    (folder / "flow_y_00002.jpg").unlink()
    with pytest.raises(VideoError, match=r"the numbers of its flow_x_\* and flow_y_\* differ"):
        records.decode(folder, FILES)
    (tmp_path / "a.mp4").touch()
    with pytest.raises(VideoError, match="no folder of frames with images of optical flow"):
        records.decode(tmp_path / "a.mp4", FILES)
