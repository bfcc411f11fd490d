from pathlib import Path

import numpy as np
import pytest

from jaxvid.data import clip_cutting, pipeline, records
from jaxvid.data.datasets import Dataset, Video
from jaxvid.data.modalities import Skeletons
from jaxvid.data.prepare import preparation
from jaxvid.data.skeleton_files import read_ntu
from jaxvid.data.video import VideoError
from jaxvid.skeletons import SKELETONS

# As in the dataset: they differ in the last digit, which a float does not hold.
A, B, C = "72057594037931101", "72057594037931102", "72057594037931103"


def ntu_text(*frames: dict[str, np.ndarray]) -> str:
    """A .skeleton file of frames, each with the joints (25, 3) of bodies by their ids."""
    lines = [str(len(frames))]
    for frame in frames:
        lines.append(str(len(frame)))
        for body, joints in frame.items():
            lines += [f"{body} 0 1 1 1 1 0 0.0123 -0.3 2", str(len(joints))]
            # Position, depth pixel, colour pixel, orientation, tracking state.
            lines += [
                f"{x} {y} {z} 277.4 192.3 1040.5 519.9 -0.2 0.03 0.9 -0.03 2" for x, y, z in joints
            ]
    return "\r\n".join(lines) + "\r\n"


def joints(value: float) -> np.ndarray:
    """Joint j is at (value, j / 100, 3)."""
    places = np.arange(25) / 100
    return np.stack([np.full(25, value), places, np.full(25, 3.0)], axis=1)


def test_ntu_files_are_read_by_what_moves_most(tmp_path):
    path = tmp_path / "S001C001P001R001A050.skeleton"
    frames = [
        {A: joints(0.5), B: joints(0.1)},
        {A: joints(0.5), B: joints(0.3), C: joints(-1.0)},
        {},
        {B: joints(0.9), C: joints(-1.2)},
    ]
    path.write_text(ntu_text(*frames))
    read = read_ntu(path, people=2)
    assert (read.shape, read.dtype) == ((4, 2, 25, 3), np.float32)
    np.testing.assert_allclose(read[:, 0, 0, 0], [0.1, 0.3, np.nan, 0.9], rtol=1e-6)  # B
    np.testing.assert_allclose(read[:, 1, 0, 0], [np.nan, -1.0, np.nan, -1.2], rtol=1e-6)  # C
    np.testing.assert_allclose(read[0, 0], joints(0.1), rtol=1e-6)
    assert np.isnan(read[2]).all()
    assert np.isnan(read_ntu(path, people=5)[:, 3:]).all()


@pytest.mark.parametrize("missing", [(np.nan, 0.1, 0.2), (0, 0, 0), (np.inf, np.inf, np.inf)])
def test_joints_of_ntu_files_that_are_missing_are_nan(tmp_path, missing):
    path = tmp_path / "a.skeleton"
    odd = joints(0.5)
    odd[7] = missing
    path.write_text(ntu_text({A: odd}))
    read = read_ntu(path, people=1)[0, 0]
    assert np.isnan(read[7]).all()
    np.testing.assert_allclose(read[8], odd[8], rtol=1e-6)


@pytest.mark.parametrize("missing", [np.nan, 0.0])
def test_missing_joints_do_not_move(tmp_path, missing):
    # An actor whose arm swings, and two chairs, each of which lacks a joint in one frame. A body of
    # nothing else does not count, and half of the actor's joints are never seen.
    frames = []
    for step in range(20):
        actor, chair, other = joints(0.5), joints(-1.0), joints(1.5)
        actor[10, 1] += 0.15 * np.sin(step / 4)
        actor[13:] = missing
        chair[3] = missing if step == 5 else chair[3]
        other[4] = missing if step == 9 else other[4]
        ghost = np.full((25, 3), missing)
        frames.append({C: chair, "ghost": ghost, B: other, A: actor})
    path = tmp_path / "a.skeleton"
    path.write_text(ntu_text(*frames))
    read = read_ntu(path, people=4)
    np.testing.assert_allclose(read[:, 0, 10, 1], 0.1 + 0.15 * np.sin(np.arange(20) / 4), rtol=1e-5)
    assert np.isnan(read[:, 0, 13:]).all()
    assert np.isnan(read[5, 1:3, 3]).any() and not np.isnan(read[6, 1:3, 3]).any()
    assert np.isnan(read[:, 3]).all()


def test_a_joint_that_jumps_alone_is_no_actor(tmp_path):
    frames = []
    for step in range(10):
        actor, ghost = joints(0.5 + 0.1 * step), np.full((25, 3), np.nan)
        ghost[3] = (step, 0, 3) if step < 2 else np.nan
        frames.append({B: ghost, A: actor})
    path = tmp_path / "a.skeleton"
    path.write_text(ntu_text(*frames))
    np.testing.assert_allclose(read_ntu(path, people=1)[0, 0], joints(0.5), rtol=1e-6)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("\0" * 64, "frame 0 does not parse"),
        (ntu_text({A: joints(np.nan) * np.nan}, {B: joints(0) * 0}), "no joint in any of its"),
        ("many", "frame 0 does not parse"),
        (ntu_text({A: joints(1)}, {A: joints(2)})[:-400], "frame 1 does not parse"),
        (ntu_text({A: joints(1)}).replace("519.9", "far"), "frame 0 does not parse"),
        (ntu_text({A: joints(1)[:20]}), "20 joints in frame 0, not 25"),
        (ntu_text({}, {}), "no body in any of its frames"),
        ("99999999999999", "frame 0 does not parse"),
        ("é", "not a .skeleton file"),
    ],
)
def test_bad_ntu_files_are_said_to_be_so(tmp_path, text, message):
    path = tmp_path / "a.skeleton"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(VideoError, match=message):
        read_ntu(path, people=2)


def test_networks_see_zeros_for_missing_joints(tmp_path):
    odd = joints(0.5)
    odd[5] = np.nan
    path = tmp_path / "a.skeleton"
    path.write_text(ntu_text(*[{A: odd}] * 8))
    modality = Skeletons("ntu60", people=2)
    video_records = [(modality, records.decode(path, modality))]
    settings = clip_cutting.ClipSettings(num_frames=8, image_size=32, augment=True, mirror=True)
    mirrored = 0
    for seed in range(8):
        clip = pipeline.train_clip(video_records, settings, np.random.default_rng(seed))
        turned = clip[0, 0, 1, 0] < 0
        mirrored += turned
        missing = SKELETONS["ntu25"].mirrored[5] if turned else 5
        assert np.flatnonzero(~clip[:, 0].any(axis=(0, 2))).tolist() == [missing]
        assert not clip[:, 1].any()
    assert 0 < mirrored < 8


def test_files_of_joints_are_prepared_as_clips(tmp_path, caplog):
    for name, text in (("a", ntu_text({A: joints(0.5)}, {A: joints(0.25)})), ("b", "1")):
        (tmp_path / f"{name}.skeleton").write_text(text)
    clips = tuple(Video(Path(f"{name}.skeleton"), 0, "train", "P") for name in "ab")
    dataset = Dataset("toy", tmp_path, ("one",), clips, skeletons="ntu60")
    modality = Skeletons("ntu60", people=2)
    source = records.RecordSource(
        preparation.prepare(dataset, modality, tmp_path / "c", 1), modality
    )
    record = source["a.skeleton"]
    assert record.fps == 30
    frames = modality.read(record.frames, np.array([1]))
    assert frames.shape == (1, 2, 25, 3)
    np.testing.assert_allclose(frames[0, 0], joints(0.25), rtol=1e-6)
    left, right = (SKELETONS["ntu25"].joints.index(f"{side}_thumb") for side in ("left", "right"))
    turned = modality.mirror(frames)
    np.testing.assert_allclose(turned[0, 0, left], frames[0, 0, right] * [-1, 1, 1])
    assert "skipped b.skeleton: not a whole .skeleton file: frame 0" in caplog.text
