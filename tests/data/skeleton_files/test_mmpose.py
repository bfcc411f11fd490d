from jaxvid.data.skeleton_files.mmpose import read_mmpose

INSTANCE = {"keypoints": [[1.0, 2.0]] * 17, "keypoint_scores": [0.5] * 17}


def test_frames_count_from_0_or_from_1():
    frames = [{"frame_id": t, "instances": [INSTANCE] * t} for t in range(3)]
    assert [len(found) for found in read_mmpose(frames).frames] == [0, 1, 2]
    assert [len(found) for found in read_mmpose({"instance_info": frames[1:]}).frames] == [1, 2]


def test_a_trackers_numbers_are_read():
    [[person]] = read_mmpose([{"frame_id": 0, "instances": [INSTANCE | {"track_id": 4}]}]).frames
    assert person.track == 4
