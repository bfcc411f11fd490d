import json

import numpy as np
import pytest

from jaxvid import config as configs
from jaxvid.config import files as config_files
from jaxvid.data import loading, records
from jaxvid.data.modalities import settings
from jaxvid.data.own_skeletons import OwnSkeletons
from jaxvid.data.prepare import preparation
from jaxvid.data.video import Facts, Span, VideoError
from jaxvid.errors import UserError


def write(path, counts=(1,) * 10, joints=17, score=0.9):
    """MMPose's file of a clip with so many people in each frame; the first one walks."""
    body = np.random.default_rng(0).uniform(0, 60, (joints, 2))
    frames = []
    for step, count in enumerate(counts):
        people = [
            {
                "keypoints": (body + np.array([100 + 200 * i + 5 * step * (i == 0), 50])).tolist(),
                "keypoint_scores": [score] * joints,
            }
            for i in range(count)
        ]
        frames.append({"frame_id": step, "instances": people})
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(frames))
    return path


def frames_of(modality, path, span=None, facts=None):
    stored = list(modality.encode(path, facts, span))
    return modality.read(stored, np.arange(len(stored)))


def test_a_part_of_a_file_is_read_by_itself(tmp_path):
    path = write(tmp_path / "clip.json", (1,) * 20 + (2,) * 5 + (1,) * 25)
    modality = OwnSkeletons("poses of coco17", 2, score=0.1)
    facts = Facts()
    whole = frames_of(modality, path, facts=facts)
    assert whole.shape == (50, 2, 17, 3)
    assert (*facts.clock(), facts.assumed) == (25, None, True)  # a rate that no file states
    assert (facts.people, facts.empty) == (2, 0)
    part = frames_of(modality, path, Span(0.4, 0.6))  # frames 10 to 14, which have one person
    assert part.shape == (5, 2, 17, 3) and np.isnan(part[:, 1]).all()
    places = part[..., :2]
    assert np.nanmax(np.abs(places)) == pytest.approx(1)  # its joints lie across themselves
    assert np.ptp(places[:, 0, 0, 0]) > 2 * np.ptp(whole[10:15, 0, 0, 0])
    with pytest.raises(VideoError, match="no joint in any of its frames"):
        frames_of(modality, path, Span(3, 4))


def test_arrays_state_their_rate(tmp_path):
    path = tmp_path / "clip.npz"
    np.savez(path, joints=np.random.default_rng(0).uniform(1, 9, (20, 1, 25, 3)), fps=10)
    modality = OwnSkeletons("poses of ntu25", 1)
    facts = Facts()
    assert len(frames_of(modality, path, Span(0.5, 1), facts)) == 5
    assert (facts.fps, facts.assumed, modality.frames_per_second(path)) == (10, False, 10)


def test_the_score_is_a_setting_of_what_is_stored(tmp_path):
    path = write(tmp_path / "clip.json", score=0.3)
    assert settings(OwnSkeletons("poses of coco17", 2, score=0.1))["score"] == 0.1
    assert not np.isnan(frames_of(OwnSkeletons("poses of coco17", 1, score=0.3), path)).any()
    with pytest.raises(VideoError, match="below the score of 0"):
        frames_of(OwnSkeletons("poses of coco17", 1, score=0.4), path)


@pytest.fixture
def config(tmp_path):
    config = config_files.load("st_gcn:folder,scale=small")
    config.data.root, config.data.cache = str(tmp_path / "poses"), str(tmp_path / "cache")
    config.data.workers = 1
    return config


def test_a_folder_of_files_of_joints_is_prepared(config, tmp_path, caplog):
    for label in ("walk", "run"):
        for number in range(4):
            write(tmp_path / "poses" / label / f"{number}.json")
        (tmp_path / "poses" / label / "0.mp4").touch()
    write(tmp_path / "poses" / "walk" / "odd.json", joints=26)
    frame = {"people": [{"pose_keypoints_2d": [1, 2, 1] * 25}]}
    (tmp_path / "poses" / "run" / "openpose").mkdir()
    (tmp_path / "poses" / "run" / "openpose" / "a_0_keypoints.json").write_text(json.dumps(frame))
    assert config.model.skeleton == "auto" and loading.skeleton_of(config.data) == "coco17"
    dataset = loading.load(config.data)
    assert dataset.left_out == ((".mp4", 2),)
    source = loading.open_records(dataset, config.data).sources[0]
    assert isinstance(source.modality, OwnSkeletons)
    assert len(source.position) == 8
    report = caplog.text
    assert "skipped walk/odd.json: its people have 26 joints, must have 17 (coco17)" in report
    assert "skipped run/openpose: it has the 25 joints of openpose25, and" in report
    assert records.decode(tmp_path / "poses/run/1.json", source.modality).fps == 25


def test_the_first_file_that_can_be_read_says_the_skeleton(config, tmp_path):
    for label in ("a", "b"):
        write(tmp_path / "poses" / label / "1.json")
        write(tmp_path / "poses" / label / "0.json").write_text("{")
    assert loading.load(config.data).skeletons == "poses of coco17"
    assert loading.load(config.data, skeleton="openpose18").skeletons == "poses of openpose18"
    for path in (tmp_path / "poses").glob("?/1.json"):
        path.write_text("")
    with pytest.raises(UserError, match=r"none of the 4 files of joints can be read; a/0\.json: "):
        loading.load(config.data)


def test_datasets_and_videos_have_no_skeleton_to_find(config):
    config.data.dataset = "ntu60"
    assert loading.skeleton_of(config.data) == "ntu25"
    config.data.dataset = "ucf101"
    with pytest.raises(UserError, match="skeleton=auto: ucf101 has no skeletons"):
        loading.skeleton_of(config.data)
    videos = configs.for_dataset("folder")
    assert loading.clips_of(videos.data).name == "video and no image"


def test_folders_of_frames_are_no_classes(config, tmp_path):
    frame = json.dumps({"people": [{"pose_keypoints_2d": [1, 2, 1] * 25}]})
    for label in ("a", "b"):
        for clip in ("first", "second"):  # the same names in each class
            folder = tmp_path / "poses" / label / clip
            folder.mkdir(parents=True)
            (folder / f"{clip}_000000000000_keypoints.json").write_text(frame)
    assert [v.id for v in loading.load(config.data).videos] == [
        *("a/first", "a/second", "b/first", "b/second")
    ]
    (tmp_path / "poses" / "b" / "x_0_keypoints.json").write_text(frame)
    for folder in (tmp_path / "poses" / "b").iterdir():
        if folder.is_dir():
            (folder / f"{folder.name}_000000000000_keypoints.json").unlink()
    message = "class folder .*b holds frames and no video: .*b/VIDEO/NAME_0_keypoints.json"
    with pytest.raises(UserError, match=message):
        loading.load(config.data)


def test_rows_of_a_csv_file_are_parts_of_files(config, tmp_path):
    write(tmp_path / "poses" / "long.json", (1,) * 100)
    sides = ("train", "train", "test", "test")
    rows = [f"long.json,{'ab'[i % 2]},{i},{i + 1},{side}" for i, side in enumerate(sides)]
    (tmp_path / "poses" / "labels.csv").write_text("\n".join(["path,label,start,end,split", *rows]))
    config.data.dataset = "csv"
    dataset = loading.load(config.data)
    assert (len(dataset.videos), dataset.skeletons) == (4, "poses of coco17")
    [modality] = loading.modalities(dataset, config.data)
    view = preparation.prepare(dataset, modality, tmp_path / "cache", 1)
    source = records.RecordSource(view, modality)
    assert len(source["long.json#t=1,2"].frames) == 25
