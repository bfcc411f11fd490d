import numpy as np
import pytest

from jaxvid.data.skeleton_files.ultralytics import read_ultralytics_json, read_ultralytics_labels

POINTS = [f"{0.01 * j:g} {0.02 * j:g} {0.03 * j:g}" for j in range(1, 18)]
FLAT = [point.rpartition(" ")[0] for point in POINTS]
BOX = "0 0.5 0.5 0.2 0.4"


def label(points: list[str], *after: str) -> str:
    return " ".join([BOX, *points, *after])


@pytest.mark.parametrize(
    ("after", "track"),
    [((), None), (("0.873",), None), (("12",), 12), (("0.873", "12"), 12)],
)
@pytest.mark.parametrize("points", [POINTS, FLAT])
def test_labels_may_end_in_a_confidence_and_a_number(tmp_path, points, after, track):
    (tmp_path / "clip_1.txt").write_text(label(points, *after))
    [[person]] = read_ultralytics_labels(tmp_path).frames
    assert person.track == track
    steps = np.arange(1, 18)
    np.testing.assert_allclose(person.joints, np.stack([0.01 * steps, 0.02 * steps], 1), rtol=1e-5)
    scores = 0.03 * steps if points is POINTS else np.ones(17)
    np.testing.assert_allclose(person.scores, scores, rtol=1e-5)


@pytest.mark.parametrize(
    ("names", "counts"),
    [
        (["clip_3.txt", "clip_5.txt"], [0, 0, 1, 0, 1]),  # of a video, whose first frame is 1
        (["clip_9.txt", "clip_10.txt"], [0] * 8 + [1, 1]),
        (["img_0103.txt", "img_0105.txt"], [1, 0, 1]),
    ],
)
def test_frames_without_anybody_are_there(tmp_path, names, counts):
    for name in names:
        (tmp_path / name).write_text(label(POINTS))
    assert [len(found) for found in read_ultralytics_labels(tmp_path).frames] == counts


def test_results_may_have_a_trackers_numbers():
    points = {"x": [1.0] * 17, "y": [2.0] * 17, "visible": [0.5] * 17}
    frames = [[{"keypoints": points, "track_id": 7}, {"keypoints": points}]]
    assert [person.track for person in read_ultralytics_json(frames).frames[0]] == [7, None]
