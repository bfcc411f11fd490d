"""People who move, and files of each pose estimator that show them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

SIZE = (640, 480)  # of the picture, pixels
Frames = list[np.ndarray]  # of each frame, its people's joints and scores (M, V, 3), pixels


def _people(joints: int, steps: int = 4) -> Frames:
    """One person, then none, then two: other numbers in every joint."""
    rng = np.random.default_rng(joints)
    first, second = (rng.uniform(60, 90, (joints, 2)) + np.array([200 * i, 50]) for i in range(2))
    scores = rng.uniform(0.2, 1, (2, joints, 1))
    moved = [np.stack([first + 3 * t, second - 2 * t]).round(3) for t in range(steps)]
    both = [np.concatenate([each, scores.round(4)], -1).astype(np.float32) for each in moved]
    return [both[0][:1], both[1][:0], *both[2:]]


def _openpose(folder: Path, frames: Frames, name: str = "clip", first: int = 0) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number, people in enumerate(frames, first):
        found = [
            {
                "person_id": [-1],
                "pose_keypoints_2d": [float(f"{x:.6g}") for x in person.ravel()],
                "face_keypoints_2d": [],
                "hand_left_keypoints_2d": [],
                "pose_keypoints_3d": [],
            }
            for person in people
        ]
        path = folder / f"{name}_{number:012}_keypoints.json"
        path.write_text(json.dumps({"version": 1.3, "people": found}))
    return folder


def _write(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def _instances(people: np.ndarray) -> list[dict]:
    return [
        {
            "keypoints": person[:, :2].tolist(),
            "keypoint_scores": person[:, 2].tolist(),
            "bbox": [[1.0, 2.0, 3.0, 4.0]],
            "bbox_score": 0.9,
        }
        for person in people
    ]


def _mmpose(path: Path, frames: Frames) -> Path:
    return _write(
        path, [{"frame_id": t, "instances": _instances(each)} for t, each in enumerate(frames)]
    )


def _mmpose_demo(path: Path, frames: Frames) -> Path:
    instances = [{"frame_id": t, "instances": _instances(each)} for t, each in enumerate(frames, 1)]
    return _write(path, {"meta_info": {"dataset_name": "coco"}, "instance_info": instances})


def _alphapose(path: Path, frames: Frames) -> Path:
    results = [
        {
            "image_id": f"{t}.jpg",
            "category_id": 1,
            "keypoints": person.ravel().tolist(),
            "score": 2.9,
            "box": [1.0, 2.0, 3.0, 4.0],
            "idx": 0.0,
        }
        for t, people in enumerate(frames)
        for person in people
    ]
    return _write(path, results)


def _labels(folder: Path, frames: Frames) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number, people in enumerate(frames, 1):
        lines = []
        for person in people:
            shares = person / np.array([*SIZE, 1], np.float32)
            lines.append(" ".join(["0 0.5 0.5 0.2 0.4", *(f"{x:g}" for x in shares.ravel())]))
        if lines:  # frames without anybody have no file
            (folder / f"clip_{number}.txt").write_text("\n".join(lines) + "\n")
    return folder


def _ultralytics(path: Path, frames: Frames) -> Path:
    content = [
        [
            {
                "name": "person",
                "class": 0,
                "confidence": 0.9,
                "box": {"x1": 1.0, "y1": 2.0, "x2": 3.0, "y2": 4.0},
                "keypoints": {
                    name: column.tolist()
                    for name, column in zip(("x", "y", "visible"), person.T, strict=True)
                },
            }
            for person in people
        ]
        for people in frames
    ]
    return _write(path, content)


def _arrays(path: Path, frames: Frames) -> Path:
    most = max(map(len, frames))
    joints = np.full((len(frames), most, *frames[0].shape[1:]), np.nan, np.float32)
    for step, people in enumerate(frames):
        joints[step, : len(people)] = people
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, joints=joints[..., :2], scores=joints[..., 2], width=SIZE[0], height=SIZE[1])
    return path


# What writes a clip in each layout, the name of the clip, the numbers of joints that it may have.
LAYOUTS = {
    "openpose": (_openpose, "clip", (25, 18)),
    "mmpose": (_mmpose, "clip.json", (17,)),
    "mmpose demo": (_mmpose_demo, "results_clip.json", (17,)),
    "alphapose": (_alphapose, "alphapose-results.json", (17,)),
    "ultralytics labels": (_labels, "labels", (17,)),
    "ultralytics": (_ultralytics, "clip.json", (17,)),
    "arrays": (_arrays, "clip.npz", (17, 18, 25)),
}


@pytest.fixture
def people() -> Callable[..., Frames]:
    """Returns frames of so many joints: one person, nobody, two people, two people."""
    return _people


@pytest.fixture
def write() -> Callable[..., Path]:
    """Writes frames to a folder in a layout; returns the clip's path."""

    def write(layout: str, folder: Path, frames: Frames, **settings: Any) -> Path:
        writer, name, _ = LAYOUTS[layout]
        return writer(folder / name, frames, **settings)

    return write


@pytest.fixture(params=[(name, v) for name, (_, _, counts) in LAYOUTS.items() for v in counts])
def layout(request: pytest.FixtureRequest) -> tuple[str, int]:
    """Each layout, with each number of joints that it may have."""
    return request.param
