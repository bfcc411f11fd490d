"""Action classes: joint trajectories from a phase and a performer's style."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from jaxvid.data.rendering import actions
from jaxvid.data.rendering.actions import Style
from jaxvid.data.rendering.skeleton import MIRROR, Body


@dataclass(frozen=True)
class Performance:
    """What happens on the stage: joints (M,T,V,3), box centre (T,3) if any, seat if any.

    rest: where the box lies before it is picked up, or after it is put down, (3,).
    """

    joints: np.ndarray
    box: np.ndarray | None = None
    rest: np.ndarray | None = None
    seat: bool = False


@dataclass(frozen=True)
class Action:
    """One action class.

    motion: joints (T,V,3), or (2,T,V,3) for two people, from the phase (T,) and the style;
    rate: range of frequencies in Hz, or None for an action that takes place once, with the
    phase going from 0 to 1; frontal: whether the person faces the camera; prop: "box" or
    "seat"; reverse: whether the action is the motion played backwards.
    """

    motion: Callable[..., np.ndarray]
    rate: tuple[float, float] | None = None
    frontal: bool = False
    people: int = 1
    prop: str | None = None
    reverse: bool = False


ACTIONS: dict[str, Action] = {
    "Walk": Action(actions.walk, rate=(0.8, 1.2)),
    "JumpingJack": Action(actions.jumping_jack, rate=(0.8, 1.3), frontal=True),
    "Wave": Action(actions.wave, rate=(1.0, 1.6), frontal=True),
    "SitDown": Action(actions.sit_down, prop="seat"),
    "StandUp": Action(actions.sit_down, prop="seat", reverse=True),
    "PickUp": Action(actions.pick_up, prop="box"),
    "PutDown": Action(actions.pick_up, prop="box", reverse=True),
    "PunchStraight": Action(actions.punch_straight, rate=(0.8, 1.4)),
    "PunchUppercut": Action(actions.punch_uppercut, rate=(0.8, 1.4)),
    "Kick": Action(actions.kick, rate=(0.8, 1.2)),
    "Run": Action(actions.run, rate=(1.3, 1.7)),
    "Squat": Action(actions.squat, rate=(0.8, 1.1)),
    "Clap": Action(actions.clap, rate=(1.0, 1.6), frontal=True),
    "Handshake": Action(actions.handshake, rate=(1.1, 1.6), people=2),
    "Sparring": Action(actions.sparring, rate=(0.8, 1.3), people=2),
}


def perform(name: str, phase: np.ndarray, bodies: tuple[Body, ...], style: Style) -> Performance:
    """Perform an action.

    name: a key of ACTIONS; phase: (T,), in cycles, or from 0 to 1 for an action that takes
    place once; bodies: one per person (more are ignored). Returns a Performance in standing
    heights, with the floor at y = 0.
    """
    action = ACTIONS[name]
    phase = np.asarray(phase, np.float64)
    if action.reverse:
        phase = 1.0 - phase
    if action.people == 1:
        joints = action.motion(bodies[0], phase, style)[None]
    else:
        joints = action.motion(bodies[: action.people], phase, style)
    if style.mirror:
        joints = joints[:, :, MIRROR] * [1.0, 1.0, -1.0]
    if action.prop != "box":
        return Performance(joints, seat=action.prop == "seat")
    box = actions.box_path(bodies[0], phase, style)
    rest = actions.box_path(bodies[0], np.zeros(1), style)[0]
    return Performance(joints, box, rest)
