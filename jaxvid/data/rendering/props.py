"""The things that actions need: a box, the low stand under it, and a stool."""

import numpy as np

from jaxvid.data.rendering.camera import Camera
from jaxvid.data.rendering.figure import Part, fixed, outline, polygon, stroke
from jaxvid.data.rendering.look import Colour, shade

_CORNERS = np.array([(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float)
# Each face: its outward normal and its corners in order round the face.
_FACES = (
    ((-1, 0, 0), (0, 1, 3, 2)),
    ((1, 0, 0), (4, 5, 7, 6)),
    ((0, 0, -1), (0, 2, 6, 4)),
    ((0, 0, 1), (1, 3, 7, 5)),
    ((0, 1, 0), (2, 3, 7, 6)),
)


def cuboid(
    camera: Camera, centre: np.ndarray, half: tuple[float, float, float], colour: Colour
) -> Part:
    """An upright cuboid: centre (T,3) and half its edges in standing heights."""
    pixels, _ = camera.project(centre[:, None] + _CORNERS * half)
    _, nearness = camera.project(centre[:, None])
    sine, cosine = np.sin(camera.yaw), np.cos(camera.yaw)
    sides = []
    for normal, corners in _FACES:
        towards = normal[0] * sine + normal[2] * cosine
        if normal[1] or towards > 0:
            light = 1.12 if normal[1] else 0.65 + 0.3 * towards
            sides.append((outline(pixels[:, corners]), shade(colour, light)))

    def draw(image: np.ndarray, t: int) -> None:
        for corners, tone in sides:
            polygon(image, corners[t], tone)

    return Part(nearness[:, 0], draw)


def stool(
    camera: Camera, steps: int, place: tuple[float, float], scale: float, colour: Colour
) -> list[Part]:
    """A stool with a low back: `place` is its forward position and the height of its seat."""
    x, height = place
    seat = cuboid(
        camera, np.tile([x - 0.02, height - 0.02, 0.0], (steps, 1)), (0.115, 0.02, 0.11), colour
    )
    feet = [(x + dx, 0.0, dz) for dx in (-0.11, 0.07) for dz in (-0.09, 0.09)]
    tops = [(fx, height - 0.03, fz) for fx, _, fz in feet]
    back = [(x - 0.14, height, dz) for dz in (-0.1, 0.1)]
    rail = [(x - 0.17, height + 0.2, dz) for dz in (-0.1, 0.1)]
    pixels, _ = camera.project(np.tile(np.array(feet + tops + back + rail), (steps, 1, 1)))
    lines = [[tuple(p) for p in frame] for frame in fixed(pixels)]
    wood, width = shade(colour, 0.75), max(2, round(0.03 * scale))

    def draw_legs(image: np.ndarray, t: int) -> None:
        p = lines[t]
        for leg in range(4):
            stroke(image, p[leg], p[leg + 4], wood, width)
        stroke(image, p[8], p[10], wood, width)
        stroke(image, p[9], p[11], wood, width)
        stroke(image, p[10], p[11], colour, 2 * width)

    behind = np.full(steps, -10.0)
    return [Part(behind, draw_legs), Part(behind + 1, seat.draw)]
