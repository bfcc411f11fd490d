"""The human skeleton: named joints, bone lengths, and a rig solved by inverse kinematics.

Lengths are in units of the standing height. Axes: x forward, y up, z to the person's right.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from jaxvid.skeletons import SKELETONS

LEFT, RIGHT = 0, 1
SIGN = (-1.0, 1.0)

_FIGURE = SKELETONS["figure18"]
JOINTS = _FIGURE.joints
BONES = _FIGURE.edges
ARM = (4, 7)  # first joint of the left and of the right arm
LEG = (10, 14)
MIRROR = np.array(_FIGURE.mirrored)


@dataclass(frozen=True)
class Body:
    """Bone lengths of one person, in units of the standing height."""

    torso: float = 0.295
    neck: float = 0.105
    shoulder: float = 0.115
    hip: float = 0.062
    upper_arm: float = 0.168
    forearm: float = 0.168
    thigh: float = 0.245
    shin: float = 0.240
    ankle: float = 0.045
    foot: float = 0.095

    @property
    def arm(self) -> float:
        """Length of the stretched arm, shoulder to wrist."""
        return self.upper_arm + self.forearm

    @property
    def stand(self) -> float:
        """Height of the pelvis above the floor when standing."""
        return self.ankle + 0.985 * (self.thigh + self.shin)


def _unit(v: np.ndarray) -> np.ndarray:
    return v / np.linalg.norm(v, axis=-1, keepdims=True)


def two_bone(
    root: np.ndarray, target: np.ndarray, upper: float, lower: float, hint: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Place the middle and end joint of a limb that reaches from `root` towards `target`.

    root, target: (T,3); hint: (3,) or (T,3), the side to which the middle joint bends.
    Returns the middle joint and the end joint, each (T,3); the end stops short of a target
    that is out of reach.
    """
    line = target - root
    distance = np.linalg.norm(line, axis=-1, keepdims=True)
    direction = line / np.maximum(distance, 1e-6)
    distance = np.clip(distance, 0.3 * (upper + lower), 0.998 * (upper + lower))
    along = (upper**2 - lower**2 + distance**2) / (2 * distance)
    aside = np.sqrt(np.maximum(upper**2 - along**2, 0.0))
    pole = hint - np.sum(hint * direction, -1, keepdims=True) * direction
    pole = pole / np.maximum(np.linalg.norm(pole, axis=-1, keepdims=True), 1e-6)
    return root + along * direction + aside * pole, root + distance * direction


class Rig:
    """A standing person over T time steps, posed by setting trunk angles and limb targets.

    Attributes to set, angles in radians: pelvis (T,3); pitch (forward lean), roll, twist
    (turn of the chest to the right) and nod, each (T,); ankles (2,T,3); toes (2,T), upward
    pitch of the feet; elbows: bending direction of each arm. Hands are set by methods, after
    the trunk.
    """

    def __init__(self, body: Body, steps: int) -> None:
        self.body = body
        self.pelvis = np.tile([0.0, body.stand, 0.0], (steps, 1))
        self.pitch, self.roll, self.twist, self.nod = np.zeros((4, steps))
        self.ankles = np.zeros((2, steps, 3))
        self.toes = np.zeros((2, steps))
        self.elbows = [np.array([-0.7, -0.6, 0.35 * sign]) for sign in SIGN]
        self._hands: list[np.ndarray | None] = [None, None]
        for side in (LEFT, RIGHT):
            self.ankles[side] += [0.0, body.ankle, 1.1 * SIGN[side] * body.hip]

    def _up(self, share: float) -> np.ndarray:
        pitch = share * self.pitch
        return _unit(
            np.stack([np.sin(pitch), np.cos(pitch) * np.cos(self.roll), np.sin(self.roll)], -1)
        )

    def _right(self) -> np.ndarray:
        up = self._up(1.15)
        right = np.stack([-np.sin(self.twist), 0 * self.twist, np.cos(self.twist)], -1)
        return _unit(right - np.sum(right * up, -1, keepdims=True) * up)

    def _spine(self) -> tuple[np.ndarray, np.ndarray]:
        # The upper half leans further than the lower, which rounds the back.
        spine = self.pelvis + 0.5 * self.body.torso * self._up(0.85)
        return spine, spine + 0.5 * self.body.torso * self._up(1.15)

    def shoulder(self, side: int) -> np.ndarray:
        """Position of a shoulder, (T,3), given the present trunk."""
        _, neck = self._spine()
        return neck - 0.035 * self._up(1.15) + SIGN[side] * self.body.shoulder * self._right()

    def place(self, side: int, target: np.ndarray) -> None:
        """Put a hand at `target`, (T,3) or (3,)."""
        self._hands[side] = np.broadcast_to(target, self.pelvis.shape)

    def approach(self, side: int, target: np.ndarray, share: np.ndarray) -> None:
        """Move a hanging hand by a share (T,1) of the way to `target`, (T,3) or (3,)."""
        offset = np.array([0.03, -0.95 * self.body.arm, 0.04 * SIGN[side]])
        hanging = self.shoulder(side) + offset
        self.place(side, hanging + share * (target - hanging))

    def reach(self, side: int, forward: ArrayLike, up: ArrayLike, outward: ArrayLike) -> None:
        """Put a hand at an offset from its shoulder; scalars or (T,) each."""
        offset = np.stack(
            np.broadcast_arrays(forward, up, SIGN[side] * np.asarray(outward), self.pitch)[:3], -1
        )
        self._hands[side] = self.shoulder(side) + offset

    def swing(
        self, side: int, forward: ArrayLike = 0.0, outward: ArrayLike = 0.12, bend: float = 0.04
    ) -> None:
        """Let a hand hang, raised by angles forward and outward; scalars or (T,) each."""
        length = self.body.arm * (1 - bend)
        forward, outward = np.asarray(forward), np.asarray(outward)
        self.reach(
            side,
            length * np.sin(forward) * np.cos(outward),
            -length * np.cos(forward) * np.cos(outward),
            length * np.sin(outward),
        )

    def joints(self) -> np.ndarray:
        """Solve the limbs and return all joints, (T,V,3)."""
        body = self.body
        spine, neck = self._spine()
        head = neck + body.neck * _unit(
            np.stack([np.sin(0.6 * self.pitch + self.nod), np.cos(self.pitch), self.roll], -1)
        )
        chain = [self.pelvis, spine, neck, head]
        for side in (LEFT, RIGHT):
            shoulder = self.shoulder(side)
            target = self._hands[side]
            if target is None:
                raise ValueError(f"hand {side} was given no target")
            elbow, wrist = two_bone(
                shoulder, target, body.upper_arm, body.forearm, self.elbows[side]
            )
            chain += [shoulder, elbow, wrist]
        for side in (LEFT, RIGHT):
            hip = self.pelvis + np.array([0.0, 0.0, SIGN[side] * body.hip])
            x, y, _ = np.moveaxis(self.ankles[side] - hip, -1, 0)
            # A quarter turn of the leg's line in the sagittal plane: never along that line.
            hint = np.stack([-y, x, np.full_like(x, 0.07 * SIGN[side])], -1)
            knee, ankle = two_bone(hip, self.ankles[side], body.thigh, body.shin, hint)
            sine, cosine = np.sin(self.toes[side]), np.cos(self.toes[side])
            along, drop = body.foot, 0.5 * body.ankle
            splay = np.full_like(sine, 0.2 * SIGN[side] * along)
            toe = ankle + np.stack(
                [along * cosine + drop * sine, along * sine - drop * cosine, splay], -1
            )
            chain += [hip, knee, ankle, toe]
        return np.stack(chain, axis=1)
