import json

import pytest

from jaxvid.data.skeleton_files.openpose import read_openpose_frames


def test_frames_are_read_in_the_order_of_their_numbers(tmp_path, people, write):
    folder = write("openpose", tmp_path, people(18)[::-1], name="my 2nd clip", first=8)
    (folder / "my 2nd clip_000000000009_keypoints.json").unlink()  # a frame that was lost
    poses = read_openpose_frames(folder)
    assert [len(found) for found in poses.frames] == [2, 0, 0, 1]


@pytest.mark.parametrize(("written", "track"), [([-1], None), ([3], 3), ([], None), (None, None)])
def test_people_may_have_numbers(tmp_path, written, track):
    person = {"pose_keypoints_2d": [1, 2, 0.5] * 25}
    if written is not None:
        person["person_id"] = written
    (tmp_path / "0_keypoints.json").write_text(json.dumps({"people": [person]}))
    assert read_openpose_frames(tmp_path).frames[0][0].track == track
