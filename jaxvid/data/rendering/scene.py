"""Where a clip takes place: levels of difficulty, backgrounds, distractors and occluders."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from jaxvid.data.rendering.look import hsv

Overlay = Callable[[np.ndarray, int], None]


@dataclass(frozen=True)
class Level:
    """The setting of a level of difficulty; lengths are shares of the image height."""

    width: int
    height: int
    busy: bool
    saturation: tuple[float, float]  # of wall and floor
    light: tuple[float, float]  # value of wall and floor
    stature: tuple[float, float]  # height of an average actor
    floor: tuple[float, float]  # where the feet stand, from the top
    wander: float  # how far from the centre an actor may stand, share of the width
    pan: float  # amplitude of the camera's motion
    zoom: float  # relative amplitude of the camera's zoom


LEVELS: dict[str, Level] = {
    "easy": Level(
        160, 120, False, (0.05, 0.3), (0.14, 0.3), (0.74, 0.85), (0.92, 0.96), 0.06, 0.012, 0.0
    ),
    "hard": Level(
        320, 240, True, (0.35, 0.8), (0.4, 0.75), (0.46, 0.64), (0.76, 0.92), 0.16, 0.05, 0.06
    ),
}


def drift(rng: np.random.Generator, steps: int) -> np.ndarray:
    """A smooth random signal in [-1, 1], (T,), without a preferred direction of time."""
    seconds = np.arange(steps) / 25.0
    rates = rng.uniform((0.1, 0.3), (0.3, 0.9))[:, None]
    phases = rng.uniform(0, 1, (2, 1))
    waves = np.sin(2 * np.pi * (rates * seconds + phases))
    return 0.65 * waves[0] + 0.35 * waves[1]


@dataclass(frozen=True)
class Background:
    """A wall and a floor that repeat horizontally.

    canvas: (H',W',3) uint8; margin: pixels beyond the image on each side; period: width after
    which the canvas repeats.
    """

    canvas: np.ndarray
    margin: int
    period: int

    def painter(self, level: Level, pan: np.ndarray, zoom: np.ndarray) -> Overlay:
        """Return what paints the background over an image; pan (T,2) in pixels, zoom (T,)."""
        size = (level.width, level.height)
        half = (np.array(size) - 1) / 2
        centres = half + self.margin + np.stack([pan[:, 0] % self.period, pan[:, 1]], -1)

        def shifted(image: np.ndarray, t: int) -> None:
            cv2.getRectSubPix(self.canvas, size, centres[t], image)

        def zoomed(image: np.ndarray, t: int) -> None:
            s = 1.0 / zoom[t]
            x, y = centres[t] - s * half
            matrix = np.array([[s, 0.0, x], [0.0, s, y]])
            flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
            cv2.warpAffine(self.canvas, matrix, size, image, flags, cv2.BORDER_REPLICATE)

        return shifted if np.all(zoom == 1.0) else zoomed


def draw_background(rng: np.random.Generator, level: Level) -> Background:
    """Draw a room at random: muted and plain, or saturated and busy, as the level says."""
    margin = round(0.15 * level.height)
    period, height = 2 * level.width, level.height + 2 * margin
    horizon = margin + round(level.height * rng.uniform(0.62, 0.74))
    hue = rng.uniform()
    wall = hsv(hue, rng.uniform(*level.saturation), rng.uniform(*level.light))
    tint = hue + rng.uniform(-0.2, 0.2)
    floor = hsv(tint, rng.uniform(*level.saturation), rng.uniform(*level.light))
    canvas = np.empty((height, period, 3), np.float32)
    canvas[:horizon] = wall
    canvas[horizon:] = floor
    _furnish(rng, canvas, horizon, wall, level)
    light = np.linspace(rng.uniform(0.85, 1.0), rng.uniform(1.0, 1.1), horizon)
    canvas[:horizon] *= light[:, None, None]
    canvas[horizon:] *= np.linspace(0.86, 1.1, height - horizon)[:, None, None]
    canvas[horizon - 3 : horizon] *= 0.8
    coarse = rng.normal(0.0, 1.0, (height // 12 + 2, period // 12, 3)).astype(np.float32)
    coarse[:, -1] = coarse[:, 0]
    canvas += (9.0 if level.busy else 3.5) * cv2.resize(coarse, (period, height))
    image = np.clip(canvas, 0, 255).astype(np.uint8)
    repeats = np.concatenate([image[:, -margin:], image, image[:, : level.width + margin]], 1)
    return Background(np.ascontiguousarray(repeats), margin, period)


def _furnish(
    rng: np.random.Generator,
    canvas: np.ndarray,
    horizon: int,
    wall: tuple[int, int, int],
    level: Level,
) -> None:
    """Add floorboards, panels and pictures, all kept away from the seam of the canvas."""
    height, period = canvas.shape[:2]
    unit = level.height
    boards = int(rng.integers(3, 7))
    for y in np.linspace(horizon, height, boards + 1)[1:-1].astype(int):
        canvas[y : y + 1] *= 0.93
    if level.busy:
        panels = 2 * int(rng.integers(6, 16))
        edges = np.linspace(0, period, panels + 1).astype(int)
        tint = np.array(hsv(rng.uniform(), 0.7, 0.8))
        for left, right in zip(edges[:-1:2], edges[1::2], strict=True):
            canvas[:horizon, left:right] = 0.6 * canvas[:horizon, left:right] + 0.4 * tint
    for _ in range(int(rng.integers(18, 30)) if level.busy else int(rng.integers(3, 7))):
        w, h = (rng.uniform(0.12, 0.4, 2) * unit).astype(int)
        x = int(rng.integers(0, period - w))
        colour: tuple[float, float, float]
        if level.busy:
            y = int(rng.integers(0, height - h))
            colour = hsv(rng.uniform(), rng.uniform(0.4, 1.0), rng.uniform(0.3, 1.0))
        else:
            y = int(rng.integers(0, max(1, horizon - h - unit // 12)))
            red, green, blue = (c * rng.uniform(0.86, 1.14) for c in wall)
            colour = red, green, blue
        if level.busy and rng.uniform() < 0.4:
            cv2.ellipse(canvas, (x + w // 2, y + h // 2), (w // 2, h // 2), 0, 0, 360, colour, -1)
            continue
        cv2.rectangle(canvas, (x, y), (x + w, y + h), tuple(0.85 * c for c in colour), -1)
        cv2.rectangle(canvas, (x + 2, y + 2), (x + w - 2, y + h - 2), colour, -1)


def draw_movers(
    rng: np.random.Generator, level: Level, steps: int, count: int, size: tuple[float, float]
) -> list[Overlay]:
    """Balls and blocks that move across the image on smooth paths.

    count: how many; size: range of their radius, as a share of the image height.
    """
    movers = []
    for _ in range(count):
        radius = rng.uniform(*size) * level.height
        colour = hsv(rng.uniform(), rng.uniform(0.5, 1.0), rng.uniform(0.4, 1.0))
        round_shape = bool(rng.uniform() < 0.5)
        start = rng.uniform(-0.1, 1.1, 2) * (level.width, 0.9 * level.height)
        velocity = rng.uniform(-0.35, 0.35, 2) * (level.width, 0.3 * level.height) / 25.0
        sway = 0.1 * level.height * np.stack([drift(rng, steps), drift(rng, steps)], -1)
        path = np.rint(start + np.arange(steps)[:, None] * velocity + sway).astype(int)
        path %= (round(1.3 * level.width), 10 * level.height)
        movers.append(_mover(path.tolist(), round(radius), colour, round_shape))
    return movers


def _mover(path: list, radius: int, colour: tuple[int, int, int], round_shape: bool) -> Overlay:
    def draw(image: np.ndarray, t: int) -> None:
        x, y = path[t]
        if round_shape:
            cv2.circle(image, (x, y), radius, colour, -1, cv2.LINE_AA)
        else:
            half = (2 * radius) // 3
            cv2.rectangle(image, (x - half, y - radius), (x + half, y + radius), colour, -1)

    return draw


def draw_pole(rng: np.random.Generator, level: Level, pan: np.ndarray) -> Overlay:
    """A pole in the foreground, which shifts twice as far as the background; pan (T,2)."""
    width = round(rng.uniform(0.04, 0.09) * level.height)
    place = rng.uniform(0.2, 0.8) * level.width - 2.0 * (pan[:, 0] - pan[0, 0])
    left = np.rint(place).astype(int).tolist()
    colour = hsv(rng.uniform(), rng.uniform(0.2, 0.9), rng.uniform(0.2, 0.8))

    def draw(image: np.ndarray, t: int) -> None:
        x = left[t]
        cv2.rectangle(image, (x, 0), (x + width, level.height), colour, -1)

    return draw
