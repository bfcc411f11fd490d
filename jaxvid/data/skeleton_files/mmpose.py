"""MMPose's predictions of a video: a JSON file with the instances of every frame."""

from typing import Any

from jaxvid.data.skeleton_files.poses import COCO, Poses, in_order, person


def read_mmpose(content: Any) -> Poses:
    """Reads what its inferencer writes with `pred_out_dir`, or its demos with `pred_save_path`.

    A list of `frame_id` and `instances`, by itself or under `instance_info`. Raises VideoError, and
    as a content of another form makes it KeyError, TypeError or ValueError.
    """
    frames = content["instance_info"] if isinstance(content, dict) else content
    people = {
        int(frame["frame_id"]): [
            person(each["keypoints"], each["keypoint_scores"], each.get("track_id"))
            for each in frame["instances"]
        ]
        for frame in frames
    }
    return Poses(in_order(people), COCO)
