"""Skeletons: the joints of a person, the edges between them, and how they mirror."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any


@dataclass(frozen=True)
class Skeleton:
    """The V joints that a dataset records of each person, in its order.

    `edges` are pairs of joints; `centre` is the joint that divides inward from outward in ST-GCN;
    `mirrored[i]` is the joint whose place joint i takes in a mirror. `axes`: two pairs of joints,
    the spine from below and the shoulders from the left, of skeletons whose joints are places in a
    room in metres, as a Kinect sees it, x to its left and y upwards; empty where they are places in
    a picture, with a confidence.
    """

    joints: tuple[str, ...]
    edges: tuple[tuple[int, int], ...]
    centre: int
    mirrored: tuple[int, ...]
    axes: tuple[tuple[int, int], ...] = ()

    @property
    def y_is_up(self) -> bool:
        """Whether joints are places in a room, and not in a picture, where y is down."""
        return bool(self.axes)

    @cached_property
    def parents(self) -> tuple[int, ...]:
        """Of each joint the next one on the way to the centre; of the centre itself."""
        parents = {self.centre: self.centre}
        both_ways = [pair for a, b in self.edges for pair in ((a, b), (b, a))]
        while found := {b: a for a, b in both_ways if a in parents and b not in parents}:
            parents |= found
        return tuple(parents[joint] for joint in range(len(self.joints)))


def _skeleton(joints: str, edges: str, centre: str, axes: str = "") -> Skeleton:
    # In both texts < stands for the left side and > for the right one.
    short = joints.split()
    at = {name: index for index, name in enumerate(short)}
    pairs, ends = ([edge.split("-") for edge in text.split()] for text in (edges, axes))
    other_side = str.maketrans("<>", "><")
    return Skeleton(
        joints=tuple(name.replace("<", "left_").replace(">", "right_") for name in short),
        edges=tuple((at[a], at[b]) for a, b in pairs),
        centre=at[centre],
        mirrored=tuple(at[name.translate(other_side)] for name in short),
        axes=tuple((at[a], at[b]) for a, b in ends),
    )


_NTU_JOINTS = (
    "spine_base spine_middle neck head <shoulder <elbow <wrist <hand "
    ">shoulder >elbow >wrist >hand <hip <knee <ankle <foot >hip >knee >ankle >foot "
    "spine_shoulder <hand_tip <thumb >hand_tip >thumb"
)
_NTU_AXES = "spine_base-spine_shoulder <shoulder->shoulder"
_NTU_EDGES = (
    "spine_base-spine_middle spine_middle-spine_shoulder spine_shoulder-neck neck-head "
    "spine_shoulder-<shoulder <shoulder-<elbow <elbow-<wrist <wrist-<hand "
    "spine_shoulder->shoulder >shoulder->elbow >elbow->wrist >wrist->hand "
    "spine_base-<hip <hip-<knee <knee-<ankle <ankle-<foot "
    "spine_base->hip >hip->knee >knee->ankle >ankle->foot"
)

SKELETONS: Mapping[str, Skeleton] = {
    "figure18": _skeleton(
        "pelvis spine neck head <shoulder <elbow <wrist >shoulder >elbow >wrist "
        "<hip <knee <ankle <toe >hip >knee >ankle >toe",
        "pelvis-spine spine-neck neck-head "
        "neck-<shoulder <shoulder-<elbow <elbow-<wrist "
        "neck->shoulder >shoulder->elbow >elbow->wrist "
        "pelvis-<hip <hip-<knee <knee-<ankle <ankle-<toe "
        "pelvis->hip >hip->knee >knee->ankle >ankle->toe",
        centre="spine",
    ),
    # NTU RGB+D: the joints in the order of the .skeleton files, connected as the dataset's own
    # show_skeleton.m connects them.
    "ntu25": _skeleton(
        _NTU_JOINTS,
        f"{_NTU_EDGES} <hand-<hand_tip <hand-<thumb >hand->hand_tip >hand->thumb",
        centre="spine_shoulder",
        axes=_NTU_AXES,
    ),
    # The same joints as ST-GCN's authors connect them: the hand's tip hangs on its thumb.
    "ntu25_thumbs": _skeleton(
        _NTU_JOINTS,
        f"{_NTU_EDGES} <thumb-<hand_tip <hand-<thumb >thumb->hand_tip >hand->thumb",
        centre="spine_shoulder",
        axes=_NTU_AXES,
    ),
    # Kinect v1: the 20 joints in the order of its SDK, to which the readers of UTD-MHAD,
    # Northwestern-UCLA and MSR Action3D bring those of their files.
    "kinect20": _skeleton(
        "hip_center spine shoulder_center head <shoulder <elbow <wrist <hand "
        ">shoulder >elbow >wrist >hand <hip <knee <ankle <foot >hip >knee >ankle >foot",
        "hip_center-spine spine-shoulder_center shoulder_center-head "
        "shoulder_center-<shoulder <shoulder-<elbow <elbow-<wrist <wrist-<hand "
        "shoulder_center->shoulder >shoulder->elbow >elbow->wrist >wrist->hand "
        "hip_center-<hip <hip-<knee <knee-<ankle <ankle-<foot "
        "hip_center->hip >hip->knee >knee->ankle >ankle->foot",
        centre="shoulder_center",
        axes="hip_center-shoulder_center <shoulder->shoulder",
    ),
    # Kinetics-skeleton: OpenPose's 18 joints, with ST-GCN's edges from the shoulders to the hips.
    "openpose18": _skeleton(
        "nose neck >shoulder >elbow >wrist <shoulder <elbow <wrist "
        ">hip >knee >ankle <hip <knee <ankle >eye <eye >ear <ear",
        "neck-nose nose->eye nose-<eye >eye->ear <eye-<ear "
        "neck->shoulder >shoulder->elbow >elbow->wrist >shoulder->hip >hip->knee >knee->ankle "
        "neck-<shoulder <shoulder-<elbow <elbow-<wrist <shoulder-<hip <hip-<knee <knee-<ankle",
        centre="neck",
    ),
    # OpenPose's BODY_25, connected as OpenPose connects it.
    "openpose25": _skeleton(
        "nose neck >shoulder >elbow >wrist <shoulder <elbow <wrist mid_hip >hip >knee >ankle "
        "<hip <knee <ankle >eye <eye >ear <ear <big_toe <small_toe <heel >big_toe >small_toe >heel",
        "neck-nose nose->eye nose-<eye >eye->ear <eye-<ear neck-mid_hip "
        "neck->shoulder >shoulder->elbow >elbow->wrist neck-<shoulder <shoulder-<elbow "
        "<elbow-<wrist mid_hip->hip >hip->knee >knee->ankle mid_hip-<hip <hip-<knee <knee-<ankle "
        "<ankle-<big_toe <big_toe-<small_toe <ankle-<heel "
        ">ankle->big_toe >big_toe->small_toe >ankle->heel",
        centre="neck",
    ),
    # COCO's 17 keypoints, a tree from the nose: shoulders hang on it, and hips on the shoulders, as
    # graph networks on these keypoints connect them (Duan et al.: PYSKL, 2022).
    "coco17": _skeleton(
        "nose <eye >eye <ear >ear <shoulder >shoulder <elbow >elbow <wrist >wrist "
        "<hip >hip <knee >knee <ankle >ankle",
        "nose-<eye nose->eye <eye-<ear >eye->ear nose-<shoulder nose->shoulder "
        "<shoulder-<elbow <elbow-<wrist >shoulder->elbow >elbow->wrist "
        "<shoulder-<hip <hip-<knee <knee-<ankle >shoulder->hip >hip->knee >knee->ankle",
        centre="nose",
    ),
}


def filled(joints: Any) -> Any:
    """Returns joints (..., 3) with zeros for those that have a number that is not finite.

    An array of NumPy or JAX. After centring, as ST-GCN's authors fill them: the middle of the
    picture with confidence 0, or the camera's place. Source: their `feeder_kinetics.py` and
    `ntu_read_skeleton.py`.
    """
    module = joints.__array_namespace__()
    there = module.isfinite(joints).all(axis=-1, keepdims=True)
    return module.where(there, joints, module.zeros_like(joints))
