"""The motion of every action: joints as a function of a phase and of a performer's style."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import wraps

import numpy as np

from jaxvid.data.rendering.skeleton import LEFT, RIGHT, SIGN, Body, Rig

SEAT = (-0.25, 0.25)  # forward position and height of the stool
STAND = 0.08  # height of the low stand on which the box rests
BOX = 0.09  # half the edge of the box


@dataclass(frozen=True)
class Style:
    """How one clip performs an action.

    amplitude: size of the movement, about 1; lean: radians forward; stance: width of the feet,
    about 1; vary: three free numbers in [-1, 1] that each action reads in its own way; mirror:
    whether left and right change roles.
    """

    amplitude: float = 1.0
    lean: float = 0.0
    stance: float = 1.0
    vary: tuple[float, float, float] = (0.0, 0.0, 0.0)
    mirror: bool = False


Motion = Callable[[Body, np.ndarray, Style], np.ndarray]


def ease(x: np.ndarray) -> np.ndarray:
    """Smooth step from 0 to 1 with zero velocity and acceleration at both ends."""
    x = np.clip(x, 0.0, 1.0)
    return x * x * x * (x * (6 * x - 15) + 10)


def _pulse(p: np.ndarray, sharpness: float) -> np.ndarray:
    """A periodic bump of height 1 at whole phases."""
    return np.exp(sharpness * (np.cos(2 * np.pi * p) - 1))


def _motion(pose: Callable[[Rig, np.ndarray, Style], None]) -> Motion:
    """Makes a motion, which returns joints (T,V,3), of a function that poses a standing person."""

    @wraps(pose)
    def motion(body: Body, p: np.ndarray, style: Style) -> np.ndarray:
        rig = Rig(body, len(p))
        rig.pitch += style.lean
        rig.pelvis[:, 2] += 0.008 * np.sin(2 * np.pi * (p + style.vary[2]))
        rig.ankles[:, :, 2] *= style.stance
        pose(rig, p, style)
        return rig.joints()

    return motion


def stride(name: str, style: Style) -> float:
    """Distance covered in one cycle, in standing heights; 0 for actions on the spot."""
    return {"Walk": 0.68, "Run": 0.92}.get(name, 0.0) * style.amplitude


@_motion
def walk(rig: Rig, p: np.ndarray, style: Style) -> None:
    """Walking, seen in place."""
    a = 2 * np.pi * p
    step = stride("Walk", style) / 4
    rig.pelvis[:, 1] -= 0.028 + 0.012 * np.cos(2 * a)
    rig.pitch += 0.06
    rig.twist += 0.15 * np.cos(a)
    for side, leg in ((LEFT, a), (RIGHT, a + np.pi)):
        rig.ankles[side, :, 0] += step * np.cos(leg)
        rig.ankles[side, :, 1] += 0.075 * np.maximum(-np.sin(leg), 0.0) ** 1.5
        rig.toes[side] = 0.3 * np.cos(leg + 0.6)
    for side, arm in ((LEFT, a + np.pi), (RIGHT, a)):
        swing = (0.55 + 0.1 * style.vary[0]) * style.amplitude * np.cos(arm)
        rig.swing(side, swing + 0.08, bend=0.05)


@_motion
def run(rig: Rig, p: np.ndarray, style: Style) -> None:
    """Running, seen in place."""
    a = 2 * np.pi * p
    step = stride("Run", style) / 4
    rig.pelvis[:, 1] -= 0.035 + 0.025 * np.cos(2 * a)
    rig.pitch += 0.24
    rig.twist += 0.25 * np.cos(a)
    for side, leg in ((LEFT, a), (RIGHT, a + np.pi)):
        rig.ankles[side, :, 0] += step * np.cos(leg) - 0.05
        rig.ankles[side, :, 1] += 0.24 * np.maximum(-np.sin(leg - 0.5), 0.0) ** 1.4
        rig.toes[side] = 0.3 * np.cos(leg + 0.6) - 0.2
    for side, arm in ((LEFT, a + np.pi), (RIGHT, a)):
        drive = style.amplitude * np.cos(arm)
        rig.reach(side, 0.10 + 0.17 * drive, -0.16 + 0.08 * drive, 0.02)


@_motion
def jumping_jack(rig: Rig, p: np.ndarray, style: Style) -> None:
    """Jumping jacks."""
    a = 2 * np.pi * p
    opening = 0.5 - 0.5 * np.cos(a)
    hop = 0.035 * np.sin(a) ** 2
    rig.pelvis[:, 1] += hop - 0.045 * opening - 0.01
    for side in (LEFT, RIGHT):
        rig.ankles[side, :, 1] += hop
        rig.ankles[side, :, 2] += SIGN[side] * 0.13 * style.amplitude * opening
        rig.elbows[side] = np.array([-0.3, -0.3, 0.8 * SIGN[side]])
        top = 2.65 + 0.15 * style.vary[0]
        rig.swing(side, 0.0, 0.15 + (top - 0.15) * opening, bend=0.06)


@_motion
def wave(rig: Rig, p: np.ndarray, style: Style) -> None:
    """Waving one raised hand."""
    side_to_side = style.amplitude * np.sin(2 * np.pi * p)
    rig.roll += 0.03 * side_to_side
    rig.elbows[RIGHT] = np.array([0.0, -1.0, 0.7])
    height = 0.24 + 0.03 * style.vary[0]
    rig.reach(RIGHT, 0.06, height - 0.04 * np.abs(side_to_side), 0.13 + 0.16 * side_to_side)
    if style.vary[1] > 0.4:
        rig.elbows[LEFT] = np.array([-0.3, 0.0, -1.0])
        rig.reach(LEFT, 0.05, -0.24, -0.02)
    else:
        rig.swing(LEFT, 0.05, 0.15)


@_motion
def clap(rig: Rig, p: np.ndarray, style: Style) -> None:
    """Clapping."""
    apart = 0.02 + 0.22 * style.amplitude * (0.5 - 0.5 * np.cos(2 * np.pi * p))
    height = -0.06 + 0.05 * style.vary[0]
    for side in (LEFT, RIGHT):
        rig.elbows[side] = np.array([-0.2, -0.8, 0.6 * SIGN[side]])
        rig.reach(side, 0.2, height + 0.2 * apart, apart - rig.body.shoulder)


@_motion
def squat(rig: Rig, p: np.ndarray, style: Style) -> None:
    """Squatting with the arms stretched forward."""
    depth = 0.5 - 0.5 * np.cos(2 * np.pi * p)
    rig.pelvis[:, 1] -= 0.21 * style.amplitude * depth
    rig.pelvis[:, 0] -= 0.10 * depth
    rig.pitch += 0.5 * depth
    rig.nod -= 0.2 * depth
    for side in (LEFT, RIGHT):
        rig.ankles[side, :, 2] *= 1.5
        rig.swing(side, 0.05 + 1.5 * depth, 0.08)


@_motion
def sit_down(rig: Rig, u: np.ndarray, style: Style) -> None:
    """Sitting down on the stool, once."""
    m = ease(u)[:, None]
    seated = np.array([SEAT[0], SEAT[1] + 0.06, 0.0])
    rig.pelvis = rig.pelvis + m * (seated - [0.0, rig.body.stand, 0.0])
    rig.pitch += (0.55 + 0.1 * style.vary[0]) * np.sin(np.pi * m[:, 0])
    rig.nod -= 0.2 * np.sin(np.pi * m[:, 0])
    rig.ankles[:, :, 0] += 0.02
    for side in (LEFT, RIGHT):
        on_thigh = seated + np.array([0.19, 0.08, 0.08 * SIGN[side]])
        rig.approach(side, on_thigh, m)


def box_path(body: Body, u: np.ndarray, style: Style) -> np.ndarray:
    """Centre of the box, (T,3), while it is picked up."""
    rest = np.array([0.30 + 0.02 * style.vary[0], STAND + BOX, 0.0])
    hold = np.array([0.23, body.stand + 0.12 + 0.05 * style.vary[1], 0.0])
    return rest + ease(2 * u - 1)[:, None] * (hold - rest)


@_motion
def pick_up(rig: Rig, u: np.ndarray, style: Style) -> None:
    """Picking the box up from the low stand, once."""
    bent = ease(1 - np.abs(2 * u - 1))
    rig.pelvis[:, 1] -= (0.20 + 0.03 * style.vary[2]) * bent
    rig.pelvis[:, 0] -= 0.10 * bent
    rig.pitch += 1.08 * bent
    rig.ankles[LEFT, :, 0] += 0.03
    rig.ankles[RIGHT, :, 0] -= 0.03
    box = box_path(rig.body, u, style)
    near = ease(2 * u)[:, None]
    for side in (LEFT, RIGHT):
        rig.approach(side, box + np.array([0.0, 0.0, BOX * SIGN[side]]), near)


def _box(rig: Rig, style: Style) -> None:
    rig.pelvis[:, 1] -= 0.035
    rig.pitch += 0.08
    for side in (LEFT, RIGHT):
        rig.ankles[side, :, 0] -= 0.12 * SIGN[side] * style.stance
        rig.elbows[side] = np.array([-0.3, -1.0, 0.2 * SIGN[side]])


def _punching_arms(p: np.ndarray, style: Style) -> tuple[tuple[int, np.ndarray], ...]:
    """The arms that punch, each with its own phase: one, or both in turn."""
    return ((RIGHT, p), (LEFT, p + 0.5)) if style.vary[0] > 0 else ((RIGHT, p),)


@_motion
def punch_straight(rig: Rig, p: np.ndarray, style: Style) -> None:
    """Straight punches at shoulder height."""
    _box(rig, style)
    extension = np.zeros((2, len(p)))
    for side, phase in _punching_arms(p, style):
        extension[side] = _pulse(phase, 3.0)
    rig.twist += 0.5 * (extension[LEFT] - extension[RIGHT])
    rig.pelvis[:, 0] += 0.04 * extension.sum(0)
    rig.pitch += 0.08 * extension.sum(0)
    for side in (LEFT, RIGHT):
        e = extension[side]
        rig.reach(side, 0.13 + 0.21 * style.amplitude * e, -0.01 + 0.02 * e, -0.04)


@_motion
def punch_uppercut(rig: Rig, p: np.ndarray, style: Style) -> None:
    """Uppercuts from the hip to above the chin, with a dip."""
    _box(rig, style)
    low = np.zeros((2, len(p)))
    for side, phase in _punching_arms(p, style):
        low[side] = 0.5 - 0.5 * np.cos(2 * np.pi * phase)
    dip = _pulse(p + 0.5, 1.5) + (_pulse(p, 1.5) if style.vary[0] > 0 else 0.0)
    rig.pelvis[:, 1] -= 0.10 * style.amplitude * dip - 0.02
    rig.pitch += 0.32 * dip - 0.1
    rig.twist += 0.25 * (low[RIGHT] - low[LEFT])
    for side in (LEFT, RIGHT):
        rig.reach(side, 0.13, 0.0, -0.04)
    for side, phase in _punching_arms(p, style):
        swing = 2 * np.pi * phase
        height = -0.05 + 0.24 * style.amplitude * np.cos(swing)
        # Further forward on the way up than on the way back: a scooping path.
        rig.reach(side, 0.13 + 0.08 * np.cos(swing) - 0.06 * np.sin(swing), height, -0.05)


@_motion
def kick(rig: Rig, p: np.ndarray, style: Style) -> None:
    """Front kicks."""
    _box(rig, style)
    e = _pulse(p, 2.0)
    rig.ankles[LEFT, :, 0] = 0.03
    rig.ankles[RIGHT, :, 0] = -0.13 + 0.60 * e
    rig.ankles[RIGHT, :, 1] += (0.50 + 0.08 * style.vary[0]) * style.amplitude * e
    rig.toes[RIGHT] = 0.9 * e
    rig.pelvis[:, 0] += 0.02
    rig.pitch -= 0.38 * e
    rig.nod += 0.2 * e
    rig.twist += 0.3 * e
    rig.reach(LEFT, 0.14, -0.06, -0.03)
    rig.reach(RIGHT, 0.12 - 0.16 * e, -0.06 - 0.16 * e, 0.06)


def _face_to_face(first: np.ndarray, second: np.ndarray, distance: float) -> np.ndarray:
    """Turn the second person round to face the first at `distance`; joints (2,T,V,3)."""
    facing = second * [-1.0, 1.0, -1.0] + [distance, 0.0, 0.0]
    return np.stack([first, facing]) - [distance / 2, 0.0, 0.0]


def handshake(bodies: tuple[Body, Body], p: np.ndarray, style: Style) -> np.ndarray:
    """Two people shaking hands; joints (2,T,V,3)."""
    distance = 0.60 + 0.02 * style.vary[0]
    height = 0.60 + 0.075 * style.amplitude * np.sin(2 * np.pi * p)
    clasp = np.stack([np.full_like(p, distance / 2), height, np.full_like(p, 0.02)], -1)

    @_motion
    def shake(rig: Rig, p: np.ndarray, style: Style) -> None:
        rig.pitch += 0.14
        rig.twist -= 0.25
        rig.nod -= 0.08
        rig.swing(LEFT, 0.05)
        rig.place(RIGHT, clasp)

    first, second = (shake(body, p, style) for body in bodies)
    return _face_to_face(first, second, distance)


def sparring(bodies: tuple[Body, Body], p: np.ndarray, style: Style) -> np.ndarray:
    """Two people boxing; joints (2,T,V,3)."""
    distance = 0.66 + 0.03 * style.vary[1]
    both = replace(style, vary=(1.0, *style.vary[1:]))
    single = replace(style, vary=(-1.0, *style.vary[1:]))
    first = punch_straight(bodies[0], p, both)
    second = punch_straight(bodies[1], p + 0.25, both if style.vary[0] > 0 else single)
    return _face_to_face(first, second, distance)
