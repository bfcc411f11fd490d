"""One clip: an actor, an action and a scene, rendered to frames and joints."""

from functools import lru_cache

import numpy as np

from jaxvid.data.rendering import scene
from jaxvid.data.rendering.actions import BOX, SEAT, STAND, Style, stride
from jaxvid.data.rendering.camera import Camera
from jaxvid.data.rendering.figure import Part, person
from jaxvid.data.rendering.look import Colour, Look, draw_look, hsv
from jaxvid.data.rendering.motion import ACTIONS, Action, perform
from jaxvid.data.rendering.props import cuboid, stool

FPS = 25
LENGTHS = (20, 100)  # fewest and most frames in a clip


class Setting:
    """What the clips of a group share: the actors, the room and the camera."""

    def __init__(self, seed: int, name: str, group: int) -> None:
        rng = np.random.default_rng([seed, list(scene.LEVELS).index(name), group])
        level = scene.LEVELS[name]
        self.looks: tuple[Look, Look] = (draw_look(rng), draw_look(rng))
        self.background = scene.draw_background(rng, level)
        self.stature = rng.uniform(*level.stature) * level.height
        self.floor = rng.uniform(*level.floor) * level.height
        self.yaw = rng.uniform(-0.26, 0.26)
        self.pitch = rng.uniform(0.05, 0.18)
        self.box: Colour = hsv(rng.uniform(0.1, 0.16), rng.uniform(0.7, 0.95), 1.0)
        self.wood: Colour = hsv(rng.uniform(0.05, 0.12), rng.uniform(0.3, 0.7), 0.6)


setting = lru_cache(maxsize=4)(Setting)


def draw_style(rng: np.random.Generator) -> Style:
    """Draw the manner of one clip at random."""
    first, second, third = rng.uniform(-1, 1, 3)
    return Style(
        amplitude=rng.uniform(0.88, 1.12),
        lean=rng.uniform(-0.04, 0.06),
        stance=rng.uniform(0.85, 1.25),
        vary=(float(first), float(second), float(third)),
        mirror=bool(rng.uniform() < 0.5),
    )


def draw_phase(rng: np.random.Generator, action: Action, steps: int) -> np.ndarray:
    """The phase of an action over a clip, (T,): cycles, or 0 to 1 for one that occurs once."""
    if action.rate is None:
        # Rests at both ends come from one distribution: neither direction of time stands out.
        start, end = rng.uniform(0.02, 0.12, 2)
        return np.clip((np.linspace(0, 1, steps) - start) / (1 - start - end), 0.0, 1.0)
    low, high = action.rate
    # A short clip is quick enough to show at least one whole cycle.
    rate = np.clip(max(rng.uniform(low, high), FPS / steps), low, high)
    return rng.uniform() + rate * np.arange(steps) / FPS


def shadows(camera: Camera, joints: np.ndarray) -> list[Part]:
    """A soft shadow on the floor under each person; joints (M,T,V,3)."""
    parts = []
    for body in joints:
        below = body[:, [0, 12, 16]].mean(1) * [1.0, 0.0, 1.0]
        spread = np.abs(body[:, 12] - body[:, 16])[:, [0, 2]].max(1)
        pixels, _ = camera.project(below[:, None])
        reach = (0.13 + 0.5 * spread) * camera.scale * camera.zoom
        parts.append(_shadow(np.rint(pixels[:, 0]).astype(int), np.rint(reach).astype(int)))
    return parts


def _shadow(centres: np.ndarray, reach: np.ndarray) -> Part:
    half = int(np.median(reach))
    tall = max(3, half // 4)
    rows, columns = np.mgrid[-tall : tall + 1, -half : half + 1]
    radius = np.sqrt((columns / half) ** 2 + (rows / tall) ** 2)
    mask = np.repeat((60 * np.clip(1.2 - radius, 0, 0.8)).astype(np.uint8)[..., None], 3, 2)

    def draw(image: np.ndarray, t: int) -> None:
        x, y = centres[t]
        top, left = max(0, y - tall), max(0, x - half)
        area = image[top : max(0, y + tall + 1), left : max(0, x + half + 1)]
        if area.size:
            dy, dx = top - (y - tall), left - (x - half)
            area -= np.minimum(mask[dy : dy + area.shape[0], dx : dx + area.shape[1]], area)

    return Part(np.full(len(reach), -20.0), draw)


def render(
    name: str, place: Setting, level: scene.Level, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Render one clip of the action `name` in a setting; everything else is drawn from `rng`.

    Returns frames (T,H,W,3), uint8 RGB, and joints (M,T,V,2), float32 pixels (x, y).
    """
    action = ACTIONS[name]
    steps = round(LENGTHS[0] + (LENGTHS[1] - LENGTHS[0]) * rng.beta(2.0, 3.33))
    style, phase = draw_style(rng), draw_phase(rng, action, steps)
    looks = place.looks[: action.people]
    stage = perform(name, phase, tuple(look.body for look in looks), style)

    scale = place.stature * looks[0].stature * rng.uniform(0.97, 1.03)
    left = bool(rng.uniform() < 0.5)
    yaw = (np.pi / 2 if action.frontal else 0.3) + place.yaw + rng.uniform(-0.15, 0.15)
    if left:
        yaw = np.pi - yaw
    pan = np.stack([scene.drift(rng, steps), scene.drift(rng, steps)], -1)
    pan *= level.pan * level.height * np.array([1.0, 0.6])
    zoom = 1.0 + level.zoom * scene.drift(rng, steps)
    origin = np.array([level.width / 2, place.floor]) - pan
    origin[:, 0] += rng.uniform(-1, 1) * level.wander * level.width
    origin[:, 1] += rng.uniform(-0.01, 0.01) * level.height
    # A walker crosses a part of the image; the camera follows for the rest of the way.
    way = np.cos(yaw) * scale * stride(name, style) * (phase - phase.mean())
    most = 0.12 * level.width
    crossing = way * min(1.0, rng.uniform(0, most) / max(1e-6, np.abs(way).max()))
    origin[:, 0] += crossing
    pan[:, 0] += way - crossing + rng.uniform(0, place.background.period)
    camera = Camera(scale, yaw, place.pitch, origin, zoom, (level.width, level.height))

    parts = shadows(camera, stage.joints)
    pixels = np.empty((*stage.joints.shape[:3], 2), np.float32)
    for i, (look, joints) in enumerate(zip(looks, stage.joints, strict=True)):
        pixels[i], nearness = camera.project(joints)
        facing = float(np.cos(yaw)) * (1 if i == 0 else -1)
        parts += person(look, pixels[i], nearness, scale, facing)
    if stage.box is not None and stage.rest is not None:
        parts.append(cuboid(camera, stage.box, (BOX, BOX, BOX), place.box))
        base = np.array([stage.rest[0], STAND / 2, 0.0])
        stand = cuboid(camera, np.tile(base, (steps, 1)), (0.11, STAND / 2, 0.11), place.wood)
        parts.append(Part(np.full(steps, -10.0), stand.draw))
    if stage.seat:
        parts += stool(camera, steps, SEAT, scale, place.wood)

    behind, before = [], []
    if level.busy:
        behind = scene.draw_movers(rng, level, steps, int(rng.integers(2, 6)), (0.03, 0.09))
        if rng.uniform() < 0.2:
            before.append(scene.draw_pole(rng, level, pan))
        if rng.uniform() < 0.3:
            before += scene.draw_movers(rng, level, steps, 1, (0.04, 0.08))
    frames = np.empty((steps, level.height, level.width, 3), np.uint8)
    backdrop = place.background.painter(level, pan, zoom)
    _paint(frames, [backdrop, *behind], parts, before)
    return frames, pixels


def _paint(
    frames: np.ndarray,
    behind: list[scene.Overlay],
    parts: list[Part],
    before: list[scene.Overlay],
) -> None:
    order = np.argsort(np.stack([part.nearness for part in parts]), axis=0, kind="stable").T
    for t, (image, farthest_first) in enumerate(zip(frames, order.tolist(), strict=True)):
        for draw in behind:
            draw(image, t)
        for index in farthest_first:
            parts[index].draw(image, t)
        for draw in before:
            draw(image, t)
