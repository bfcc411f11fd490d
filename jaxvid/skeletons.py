"""Skeletons: the joints of a person, the bones between them, and how they mirror."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Skeleton:
    """The V joints that a dataset records of each person, in its order.

    `bones` are pairs of joints; `centre` is the joint that tells inward from outward in ST-GCN;
    `mirrored[i]` is the joint whose place joint i takes in a mirror.
    """

    joints: tuple[str, ...]
    bones: tuple[tuple[int, int], ...]
    centre: int
    mirrored: tuple[int, ...]


def _skeleton(joints: str, bones: str, centre: str) -> Skeleton:
    # In both texts < stands for the left side and > for the right one.
    short = joints.split()
    at = {name: index for index, name in enumerate(short)}
    pairs = (bone.split("-") for bone in bones.split())
    other_side = str.maketrans("<>", "><")
    return Skeleton(
        joints=tuple(name.replace("<", "left_").replace(">", "right_") for name in short),
        bones=tuple((at[a], at[b]) for a, b in pairs),
        centre=at[centre],
        mirrored=tuple(at[name.translate(other_side)] for name in short),
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
}
