"""Drawing people and props: parts with a depth each, painted from far to near."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from jaxvid.data.rendering.look import Colour, Look, shade
from jaxvid.data.rendering.skeleton import ARM, LEG

SHIFT = 4  # fractional bits of OpenCV's drawing coordinates
UNIT = 1 << SHIFT
Point = tuple[int, int]


@dataclass(frozen=True)
class Part:
    """Something to draw: nearness (T,) and a function of the image and the time step."""

    nearness: np.ndarray
    draw: Callable[[np.ndarray, int], None]


def fixed(pixels: np.ndarray) -> list:
    """Fixed-point coordinates, as nested lists of ints, from pixels (...,2)."""
    return np.rint(pixels * UNIT).astype(np.int64).tolist()


def stroke(image: np.ndarray, a: Point, b: Point, colour: Colour, width: int) -> None:
    """Draw a thick line with round ends between two fixed-point positions."""
    cv2.line(image, a, b, colour, width, cv2.LINE_AA, SHIFT)


def disc(image: np.ndarray, centre: Point, radius: float, colour: Colour) -> None:
    """Draw a filled circle; the radius is in pixels."""
    cv2.circle(image, centre, round(radius * UNIT), colour, -1, cv2.LINE_AA, SHIFT)


def polygon(image: np.ndarray, corners: np.ndarray, colour: Colour) -> None:
    """Fill a convex polygon with fixed-point corners (N,2)."""
    cv2.fillConvexPoly(image, corners, colour, cv2.LINE_AA, SHIFT)


def outline(pixels: np.ndarray) -> np.ndarray:
    """Fixed-point corners for `polygon`, int32, from pixels (...,2)."""
    return np.rint(pixels * UNIT).astype(np.int32, order="C")


def person(
    look: Look, pixels: np.ndarray, nearness: np.ndarray, scale: float, facing: float
) -> list[Part]:
    """The parts of one person.

    pixels: (T,V,2); nearness: (T,V); scale: pixels per standing height; facing: horizontal
    component in the image of the direction that the person faces, in [-1, 1].
    """
    shown = _Person(look, pixels, nearness, scale)
    limbs = [*map(shown.leg, LEG), *map(shown.arm, ARM)]
    return [*limbs, shown.trunk(), shown.head(facing)]


class _Person:
    def __init__(self, look: Look, pixels: np.ndarray, nearness: np.ndarray, scale: float) -> None:
        self.look, self.pixels, self.nearness, self.scale = look, pixels, nearness, scale
        self.points = [[tuple(p) for p in frame] for frame in fixed(pixels)]

    def width(self, share: float) -> int:
        """Pixels of a share of the standing height."""
        return max(2, round(share * self.scale * self.look.girth))

    def dark(self, joint: int, strength: float, most: float) -> float:
        """Shade of a limb: far ones lie in shadow, which keeps the two apart in profile."""
        behind = (self.nearness[:, 0] - self.nearness[:, joint]).mean()
        return 1.0 - strength * float(np.clip(behind, 0.0, most))

    def leg(self, hip: int) -> Part:
        look, points, dark = self.look, self.points, self.dark(hip, 2.6, 0.12)
        cloth = shade(look.trousers, dark)
        shin = shade(look.skin, dark) if look.shorts else shade(cloth, 0.92)
        shoe = shade(look.shoes, dark)
        thick, thin, foot = self.width(0.095), self.width(0.072), self.width(0.055)

        def draw(image: np.ndarray, t: int) -> None:
            a, b, c, d = points[t][hip : hip + 4]
            stroke(image, c, d, shoe, foot)
            stroke(image, b, c, shin, thin)
            stroke(image, a, b, cloth, thick)

        return Part(self.nearness[:, hip : hip + 3].mean(1), draw)

    def arm(self, shoulder: int) -> Part:
        look, points, dark = self.look, self.points, self.dark(shoulder, 1.8, 0.15)
        sleeve = shade(look.arms, dark)
        hand = shade(look.skin, dark)
        lower = shade(sleeve, 0.95) if look.sleeves else hand
        thick, thin, palm = self.width(0.072), self.width(0.062), 0.52 * self.width(0.085)

        def draw(image: np.ndarray, t: int) -> None:
            a, b, c = points[t][shoulder : shoulder + 3]
            stroke(image, b, c, lower, thin)
            stroke(image, a, b, sleeve, thick)
            disc(image, c, palm, hand)

        return Part(self.nearness[:, shoulder + 1 : shoulder + 3].mean(1), draw)

    def trunk(self) -> Part:
        look, points = self.look, self.points
        shoulders, hips = self.pixels[:, list(ARM)], self.pixels[:, list(LEG)]
        hem = hips + 0.22 * (shoulders - hips)
        hull = outline(np.concatenate([shoulders, hem], axis=1))
        hems = [[tuple(p) for p in frame] for frame in fixed(hem)]
        shirt, belt = look.shirt, shade(look.trousers, 0.95)
        spine, yoke, seat = self.width(0.135), self.width(0.09), self.width(0.105)

        def draw(image: np.ndarray, t: int) -> None:
            p, (left, right) = points[t], hems[t]
            middle = (left[0] + right[0]) // 2, (left[1] + right[1]) // 2
            stroke(image, p[LEG[0]], p[LEG[1]], belt, seat)
            stroke(image, left, right, shirt, seat)
            stroke(image, middle, p[1], shirt, spine)
            stroke(image, p[1], p[2], shirt, spine)
            polygon(image, cv2.convexHull(hull[t]), shirt)
            stroke(image, p[ARM[0]], p[ARM[1]], shirt, yoke)
            if look.stripe:
                stroke(image, middle, p[1], look.shoes, spine // 3)
                stroke(image, p[1], p[2], look.shoes, spine // 3)

        return Part(self.nearness[:, 0], draw)

    def head(self, facing: float) -> Part:
        look, points, radius = self.look, self.points, 0.076 * self.scale
        neck = max(2, round(0.065 * self.scale))
        forward = facing * radius * UNIT
        skin, throat = look.skin, shade(look.skin, 0.85)
        eye, apart = shade(look.skin, 0.25), 0.34 * np.sqrt(1.0 - facing**2) * radius * UNIT

        def at(centre: Point, ahead: float, up: float) -> Point:
            return round(centre[0] + ahead * forward), round(centre[1] - up * radius * UNIT)

        def draw(image: np.ndarray, t: int) -> None:
            centre = points[t][3]
            stroke(image, points[t][2], centre, throat, neck)
            if look.hair_style == "long":
                back = at(centre, -0.45, 0.1)
                stroke(image, back, at(centre, -0.6, -0.95), look.hair, round(1.5 * radius))
            if look.hair_style == "bun":
                disc(image, at(centre, -0.8, 0.75), 0.5 * radius, look.hair)
            if look.hair_style != "bald":
                disc(image, at(centre, -0.2, 0.22), 1.06 * radius, look.hair)
            disc(image, at(centre, 0.12, -0.08), 0.94 * radius, skin)
            x, y = at(centre, 0.6, 0.08)
            disc(image, (round(x - apart), y), 0.13 * radius, eye)
            disc(image, (round(x + apart), y), 0.13 * radius, eye)
            if look.hair_style == "cap":
                x, y = at(centre, 0.0, 0.62)
                half, crown = round(0.6 * radius * UNIT), max(2, round(0.7 * radius))
                stroke(image, (x - half, y), (x + half, y), look.shoes, crown)
                stroke(
                    image, (x, y), at(centre, 1.35, 0.45), look.shoes, max(2, round(0.3 * radius))
                )

        return Part(self.nearness[:, 3], draw)
