"""The modality of joints in one's own files, as pose estimators write them."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from jaxvid.data.modalities import Skeletons
from jaxvid.data.skeleton_files import FORMATS, pose_files
from jaxvid.data.skeleton_files.joints import describe
from jaxvid.data.video import DEFAULT_FPS, Facts, Span


@dataclass(frozen=True)
class OwnSkeletons(Skeletons):
    """The joints of up to M people in a pose estimator's files: (T, M, V, 3) float32.

    Joints that score below `score` are missing. People are followed and chosen within the part of
    the file that is the clip.
    """

    score: float = 0.0

    def files(self, path: Path) -> list[Path]:
        return pose_files.files(path)

    def encode(
        self, path: Path, facts: Facts | None = None, span: Span | None = None
    ) -> Iterator[bytes]:
        poses, _ = pose_files.read(path, FORMATS[self.format].joints)
        first, last = span.frames(poses.fps or DEFAULT_FPS) if span else (0, None)
        part = replace(poses, frames=poses.frames[first:last])
        joints = pose_files.joints_of(part, self.people, self.score)
        if facts:
            facts.fps = poses.fps
            describe(joints, facts)
        for frame in joints:
            yield frame.tobytes()

    def frames_per_second(self, path: Path) -> float:
        return pose_files.read(path)[0].fps or DEFAULT_FPS
