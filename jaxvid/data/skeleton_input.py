"""What a network reads of a clip's joints: joints, bones or their motions, from which view.

Joints (..., V, 3) are x, y and z in metres or, in pictures, x, y and the joint's confidence.
Missing ones are NaN until the end, where a network's zeros take their place.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from jaxvid.skeletons import Skeleton, filled

View = tuple[np.ndarray, np.ndarray]  # origin (3,), and x, y and z as the rows of (3, 3)


@dataclass(frozen=True)
class SkeletonInput:
    """What is made of the joints of a clip.

    `kind`: joint, bone (a joint less its parent, the next one on the way to the centre),
    joint_motion or bone_motion (the next frame less this one). `view_normalised`: seen from the
    front of the body, as `body_view` has it. `rotation`: training clips are turned by random angles
    up to this about each axis, degrees.
    """

    kind: str = "joint"
    view_normalised: bool = False
    rotation: float = 0.0

    def turn(self, rng: np.random.Generator) -> np.ndarray | None:
        """Draws a rotation (3, 3): about x, then y, then z, by angles of their own."""
        if not self.rotation:
            return None
        turned = np.eye(3)
        for axis, angle in enumerate(np.radians(rng.uniform(-self.rotation, self.rotation, 3))):
            a, b = (i for i in range(3) if i != axis)
            about = np.eye(3)
            about[[a, b], [a, b]] = np.cos(angle)
            about[a, b], about[b, a] = -np.sin(angle), np.sin(angle)
            turned = about @ turned
        return turned.astype(np.float32)

    def of_clip(self, joints: np.ndarray, times: np.ndarray, skeleton: Skeleton) -> np.ndarray:
        """Returns what a network reads of a clip's joints (T,M,V,3) at times (T,), in frames."""
        if self.kind.startswith("bone"):
            joints = _less(joints, joints[..., list(skeleton.parents), :], skeleton)
        if self.kind.endswith("motion"):
            joints = _less(joints[_next(times)], joints, skeleton)
        return filled(joints)

    def of_video(self, joints: np.ndarray, skeleton: Skeleton) -> np.ndarray:
        """Returns what a network reads of a video whose frames (T,M,V,3) are the clip's."""
        if self.view_normalised:
            joints = seen_from(body_view(joints, skeleton), joints)
        return self.of_clip(joints, np.arange(len(joints)), skeleton)


def body_view(frames: Iterable[np.ndarray], skeleton: Skeleton) -> View:
    """Returns the view of a video's first person from the front, which no camera's place changes.

    `frames`: joints (M,V,3) in metres. The origin is the centre joint in the first frame that has
    it. In the first frame with the joints of `skeleton.axes`, the spine is y and the shoulders lie
    in the plane of x and y, the left one first; without such a frame, x, y and z are the camera's.
    The NTU RGB+D preprocessing of graph networks, but for these: it turns the spine and then the
    shoulders, which tilts the spine again.
    """
    origin, axes = None, None
    for frame in frames:
        person = frame[0].astype(np.float64)
        if origin is None and np.isfinite(person[skeleton.centre]).all():
            origin = person[skeleton.centre]
        if axes is None:
            axes = _axes(person, skeleton)
        if origin is not None and axes is not None:
            break
    return np.zeros(3) if origin is None else origin, np.eye(3) if axes is None else axes


def _axes(person: np.ndarray, skeleton: Skeleton) -> np.ndarray | None:
    (bottom, top), (left, right) = skeleton.axes
    y, x = person[top] - person[bottom], person[right] - person[left]
    z = np.cross(x, y)
    lengths = [np.linalg.norm(axis) for axis in (y, z)]
    if not all(length > 1e-6 for length in lengths):  # a joint is missing, or all lie in line
        return None
    y, z = y / lengths[0], z / lengths[1]
    return np.stack([np.cross(y, z), y, z])


def seen_from(view: View, joints: np.ndarray) -> np.ndarray:
    """Returns joints (..., 3) in metres as a view has them."""
    origin, axes = view
    return ((joints - origin) @ axes.T).astype(np.float32)


def between(before: np.ndarray, after: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Returns joints (...,M,V,3) between two frames, linearly; `share` (...) 0 is the first one.

    A joint that one of the two lacks is that of the nearer frame.
    """
    share = share[..., None, None, None].astype(np.float32)
    mixed = before * (1 - share) + after * share
    return np.where(np.isfinite(mixed), mixed, np.where(share < 0.5, before, after))


def _next(times: np.ndarray) -> np.ndarray:
    """Returns each frame's next one; itself at the end and where a looped video starts again."""
    ends = np.append(np.diff(times) < 0, True)
    return np.arange(len(times)) + ~ends


def _less(joints: np.ndarray, others: np.ndarray, skeleton: Skeleton) -> np.ndarray:
    """Returns the difference; in pictures its confidence is the lower of the two."""
    if skeleton.axes:
        return joints - others
    confidence = np.minimum(joints[..., 2:], others[..., 2:])
    return np.concatenate([joints[..., :2] - others[..., :2], confidence], axis=-1)
