import json

import numpy as np
import pytest

from jaxvid.data.skeleton_files import read_openpose
from jaxvid.data.video import VideoError


def person(x: float, score: float) -> dict:
    pose = [value for j in range(18) for value in (x, j / 100)]
    return {"pose": pose, "score": [0.0, *[score] * 17]}


def openpose(*frames: tuple[int, list[dict]]) -> dict:
    data = [{"frame_index": index, "skeleton": people} for index, people in frames]
    return {"data": data, "label": "archery", "label_index": 5}


def test_kinetics_files_are_read_by_confidence(tmp_path):
    path = tmp_path / "a.json"
    crowd = [person(0.1, 0.2), person(0.2, 0.9), person(0.3, 0.5)]
    path.write_text(json.dumps(openpose((1, crowd), (2, []), (4, [person(0.5, 0.8)]))))
    read = read_openpose(path, people=2)
    assert (read.shape, read.dtype) == ((4, 2, 18, 3), np.float32)
    expected = [2 * 0.2 - 1, np.nan, np.nan, 2 * 0.5 - 1]
    np.testing.assert_allclose(read[:, 0, 3, 0], expected, atol=1e-6)
    np.testing.assert_allclose(read[0, :, 17, 2], [0.9, 0.5], rtol=1e-6)
    np.testing.assert_allclose(read[0, 0, 17, 1], 2 * 0.17 - 1, rtol=1e-6)
    assert np.isnan(read[:, :, 0]).all()  # a joint of no confidence
    assert np.isnan(read[1:3]).all()
    assert np.isnan(read[3, 1]).all()


def test_people_of_kinetics_files_without_joints_are_nobody(tmp_path):
    path = tmp_path / "a.json"
    unsure, odd = person(0.1, 0.1), person(0.4, 0.9)
    odd["score"][5] = float("nan")
    odd["pose"][12] = float("nan")
    odd["pose"][14:16] = [0.0, 0.0]
    nobody = [person(0.3, 0.0), person(0.3, float("nan")), person(float("nan"), 0.9)]
    path.write_text(json.dumps(openpose((1, [*nobody, unsure, odd]))))
    read = read_openpose(path, people=3)[0]
    np.testing.assert_allclose(read[0, 3], [2 * 0.4 - 1, 2 * 0.03 - 1, 0.9], atol=1e-6)
    assert np.flatnonzero(np.isnan(read[0]).all(axis=1)).tolist() == [0, 5, 6, 7]
    np.testing.assert_allclose(read[1, 3, 2], 0.1, rtol=1e-6)
    assert np.isnan(read[2]).all()


def test_a_reason_does_not_hold_the_file(tmp_path):
    path = tmp_path / "a.json"
    path.write_bytes(b"{" + b"\xff" * 5000)
    with pytest.raises(VideoError, match="not a whole Kinetics-skeleton file") as error:
        read_openpose(path, people=2)
    assert len(str(error.value)) < 200


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not a whole Kinetics-skeleton file"),
        ([], "not a whole Kinetics-skeleton file"),
        ({"data": [{"frame_index": 1}]}, "not a whole .*'skeleton'"),
        (openpose((1, [{"pose": [0.0] * 34, "score": [1.0] * 17}])), "not a whole"),
        (openpose(), "no person in any of its frames"),
        (openpose((1, []), (2, [])), "no person in any of its frames"),
        (openpose((1, [person(0.5, 0.0)])), "no person in any of its frames"),
        (openpose((1, [person(0, 1)]), (10**9, [])), "numbered from 1 to 1000000000"),
    ],
)
def test_bad_kinetics_files_are_said_to_be_so(tmp_path, content, message):
    path = tmp_path / "a.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(VideoError, match=message):
        read_openpose(path, people=2)
