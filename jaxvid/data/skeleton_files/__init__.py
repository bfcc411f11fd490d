"""The files that hold joints: what each format has in it, and how it is read.

Every format is read to (T, M, V, 3) float32: T frames, up to M people, V joints. Joints that are
missing are NaN, in all three numbers, as are those of people who are not there: zero is a place. A
body with no joint in any frame is nobody. A new format is one module here and one entry of
`FORMATS`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from jaxvid.data.skeleton_files.embedded import JOINTS_SUFFIX, read_embedded
from jaxvid.data.skeleton_files.kinetics_skeleton import read_openpose
from jaxvid.data.skeleton_files.msr_action3d import read_msr_action3d
from jaxvid.data.skeleton_files.northwestern_ucla import read_northwestern_ucla
from jaxvid.data.skeleton_files.ntu import read_ntu
from jaxvid.data.skeleton_files.pose_files import read_poses
from jaxvid.data.skeleton_files.utd_mhad import read_utd_mhad
from jaxvid.skeletons import SKELETONS

POSES = "poses of "  # before a skeleton: the format of one's own files, read by `pose_files`


@dataclass(frozen=True)
class SkeletonFormat:
    """How the joints of a dataset's clips are stored.

    `joints` names the entry of `SKELETONS` that they follow. `read(path, people)` returns a clip's
    and raises VideoError. `suffix`: of the file beside a video; empty where files of joints are the
    clips themselves, which end in `clip_suffix` and have `fps` frames per second.
    """

    joints: str
    read: Callable[[Path, int], np.ndarray]
    suffix: str = ""
    clip_suffix: str = ""
    fps: float = 0.0

    def files(self, path: Path) -> list[Path]:
        """Returns the files that reading a clip's joints reads."""
        return [path, path.with_suffix(self.suffix)] if self.suffix else [path]


FORMATS: Mapping[str, SkeletonFormat] = {
    "embedded": SkeletonFormat("figure18", read_embedded, suffix=JOINTS_SUFFIX),
    "ntu60": SkeletonFormat("ntu25", read_ntu, clip_suffix=".skeleton", fps=30.0),
    "ntu120": SkeletonFormat("ntu25", read_ntu, clip_suffix=".skeleton", fps=30.0),
    "kinetics_skeleton": SkeletonFormat("openpose18", read_openpose, clip_suffix=".json", fps=30.0),
    "utd_mhad": SkeletonFormat("kinect20", read_utd_mhad, clip_suffix="_skeleton.mat", fps=30.0),
    "northwestern_ucla": SkeletonFormat(
        "kinect20", read_northwestern_ucla, clip_suffix=".json", fps=15.0
    ),
    "msr_action3d": SkeletonFormat(
        "kinect20", read_msr_action3d, clip_suffix="_skeleton3d.txt", fps=15.0
    ),
    **{
        f"{POSES}{name}": SkeletonFormat(name, partial(read_poses, skeleton=name))
        for name in SKELETONS
    },
}
