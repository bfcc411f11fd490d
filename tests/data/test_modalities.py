import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from jaxvid.data import flow, records, video
from jaxvid.data.augment import Crop
from jaxvid.data.datasets import Dataset, Video, embedded
from jaxvid.data.modalities import Flow, Rgb, Skeletons
from jaxvid.data.prepare import preparation
from jaxvid.errors import UserError

FLOW = Flow(40, 95, "dis", 5.0)
SKELETONS = Skeletons("embedded", people=2)


@pytest.fixture
def clip(dataset_root) -> Path:
    return next((dataset_root / embedded.VIDEOS / "SitDown").glob("*g01_c01.avi"))


def test_flow_is_stored_frame_for_frame(clip):
    rgb, stored = (list(modality.encode(clip)) for modality in (Rgb(40, 95), FLOW))
    assert len(stored) == len(rgb)
    read = FLOW.read(stored, np.array([0, 5, len(rgb) - 1]))
    assert read.shape == (3, *Rgb(40, 95).read(rgb, np.array([0])).shape[1:3], 2)
    frames = (video.resize_short_side(frame, 40) for frame in video.decode(clip))
    exact = [flow.quantise(f, 5.0) for f in flow.estimate(frames, "dis")]
    for shown, t in zip(read, (0, 5, -1), strict=True):
        assert np.abs(shown.astype(int) - exact[t]).mean() < 2.5  # of 255: what JPEG changes


@pytest.mark.parametrize("modality", [Rgb(40, 95), FLOW, SKELETONS])
def test_frames_that_are_cut_as_they_are_read_are_those_cut_afterwards(clip, modality):
    stored = list(modality.encode(clip))
    chosen, seen = np.array([2, 0, 7]), []

    def choose(height, width):
        seen.append((height, width))
        return Crop(3, 1, 24, 30)

    def cut(frame):
        return modality.cut(frame, choose, 16)

    whole = modality.read(stored, chosen)
    read = modality.read(stored, chosen, cut)
    if modality is SKELETONS:
        assert not seen
        np.testing.assert_array_equal(read, whole)
        return
    assert seen == [whole.shape[1:3]] * 3
    area = [cv2.resize(f[3:27, 1:31], (16, 16), interpolation=cv2.INTER_AREA) for f in whole]
    expected = np.stack(area)
    if modality is FLOW:  # as many pixels a frame in the smaller picture's pixels
        vectors = (expected - 127.5) * np.array([16 / 30, 16 / 24]) + 127.5
        expected = np.rint(vectors).astype(np.uint8)
    np.testing.assert_allclose(read.astype(int), expected.astype(int), atol=modality is FLOW)


def test_frames_of_two_sizes_are_refused():
    stored = [*Rgb(40, 95).encode_frames(np.zeros((1, 48, 64, 3), np.uint8))]
    stored += Rgb(20, 95).encode_frames(np.zeros((1, 48, 64, 3), np.uint8))
    with pytest.raises(ValueError, match=r"shape \(20, 27, 3\) among \(40, 53, 3\)"):
        Rgb(40, 95).read(stored, np.array([0, 1]))
    with pytest.raises(ValueError, match="no frames"):
        Rgb(40, 95).read(stored, np.array([], int))


def test_skeletons_are_the_joints_in_units_of_the_frame(clip):
    with np.load(clip.with_suffix(embedded.JOINTS_SUFFIX)) as file:
        joints = file["joints"]
    width, height = video.size(clip)
    stored = list(SKELETONS.encode(clip))
    read = SKELETONS.read(stored, np.arange(len(stored)))
    assert read.shape == (joints.shape[1], 2, 18, 3)
    for t, j in ((0, 3), (7, 9)):
        x, y = joints[0, t, j]
        expected = [2 * x / width - 1, 2 * y / height - 1, 1]
        np.testing.assert_allclose(read[t, 0, j], expected, rtol=1e-5)
    assert np.isnan(read[:, 1]).all()  # one person
    np.testing.assert_allclose(SKELETONS.mirror(SKELETONS.mirror(read)), read)
    left, right = 6, 9
    turned = SKELETONS.mirror(read)[0, 0, left]
    np.testing.assert_allclose(turned, read[0, 0, right] * [-1, 1, 1])


def test_records_of_other_settings_are_refused_with_the_way_out(clip, tmp_path):
    clips = (Video(Path(clip.name), 0, "train", "g01"),)
    dataset = Dataset("toy", clip.parent, ("SitDown",), clips)
    folder = preparation.prepare(dataset, FLOW, tmp_path, workers=1)
    records.RecordSource(folder, FLOW)
    with pytest.raises(UserError, match=r"bound: 5.0 there, 9.0 now.*--mode=prepare"):
        records.RecordSource(folder, Flow(40, 95, "dis", 9.0))
    with pytest.raises(UserError, match=r"stream: 'flow' there, 'rgb' now"):
        records.RecordSource(folder, Rgb(40, 95))


def test_a_video_without_joints_is_named_and_skipped(clip, tmp_path, caplog):
    for name in ("a.avi", "b.avi"):
        (tmp_path / name).write_bytes(clip.read_bytes())
    joints = clip.with_suffix(embedded.JOINTS_SUFFIX).read_bytes()
    (tmp_path / f"a{embedded.JOINTS_SUFFIX}").write_bytes(joints)
    clips = tuple(Video(Path(name), 0, "train", "g") for name in ("a.avi", "b.avi"))
    dataset = Dataset("toy", tmp_path, ("SitDown",), clips)
    folder = preparation.prepare(dataset, SKELETONS, tmp_path / "cache", workers=1)
    assert "skipped b.avi: no skeleton could be read beside it" in caplog.text
    videos = records.PreparedDataset([records.RecordSource(folder, SKELETONS)])
    assert "a.avi" in videos
    assert "b.avi" not in videos


def test_what_no_modality_can_be_made_of_has_a_reason(clip, tmp_path):
    tiny = tmp_path / "tiny.avi"
    writer = cv2.VideoWriter(str(tiny), cv2.VideoWriter_fourcc(*"MJPG"), 25, (8, 8))
    for level in (0, 99, 200):
        writer.write(np.full((8, 8, 3), level, np.uint8))
    writer.release()
    assert len(list(Rgb(40, 95).encode(tiny))) == 3
    with pytest.raises(video.VideoError, match="no flow could be estimated"):
        list(FLOW.encode(tiny))

    joints = clip.with_suffix(embedded.JOINTS_SUFFIX).read_bytes()
    tiny.with_suffix(embedded.JOINTS_SUFFIX).write_bytes(joints[:100])
    with pytest.raises(video.VideoError, match="no skeleton could be read beside it"):
        list(SKELETONS.encode(tiny))

    named = tiny.rename(os.fsdecode(bytes(tmp_path) + b"/\xff.avi"))
    with pytest.raises(video.VideoError, match="name is not UTF-8"):
        records.decode(named, Rgb(40, 95))
