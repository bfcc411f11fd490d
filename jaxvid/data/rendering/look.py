"""How an actor looks: body proportions, clothes, skin and hair."""

import colorsys
from dataclasses import dataclass

import numpy as np

from jaxvid.data.rendering.skeleton import Body

Colour = tuple[int, int, int]


def hsv(hue: float, saturation: float, value: float) -> Colour:
    """RGB colour, 0 to 255, from hue (whole turns), saturation and value in [0, 1]."""
    r, g, b = colorsys.hsv_to_rgb(hue % 1.0, saturation, value)
    return round(255 * r), round(255 * g), round(255 * b)


def shade(colour: Colour, factor: float) -> Colour:
    """Brighten or darken a colour."""
    r, g, b = (min(255, round(factor * c)) for c in colour)
    return r, g, b


SKINS: tuple[Colour, ...] = (
    *((255, 219, 190), (244, 200, 160), (228, 178, 134)),
    *((206, 150, 106), (172, 116, 76), (136, 90, 60)),
)
HAIRS: tuple[Colour, ...] = (
    *((28, 22, 20), (62, 40, 26), (110, 70, 36)),
    *((190, 140, 66), (170, 72, 30), (176, 176, 180)),
)


@dataclass(frozen=True)
class Look:
    """One actor: bone lengths, girth (1 is average), stature (1 is average) and clothes."""

    body: Body
    girth: float
    stature: float
    skin: Colour
    hair: Colour
    shirt: Colour
    arms: Colour
    trousers: Colour
    shoes: Colour
    sleeves: bool
    shorts: bool
    hair_style: str
    stripe: bool


def draw_look(rng: np.random.Generator) -> Look:
    """Draw an actor at random."""
    leg = rng.uniform(0.96, 1.04)
    arm = rng.uniform(0.96, 1.05)
    # What the legs gain the torso loses, so that every body stands about one unit tall.
    body = Body(
        torso=0.295 - 0.485 * (leg - 1.0),
        shoulder=rng.uniform(0.100, 0.128),
        hip=rng.uniform(0.056, 0.070),
        upper_arm=0.168 * arm,
        forearm=0.168 * arm,
        thigh=0.245 * leg,
        shin=0.240 * leg,
    )
    hue = rng.uniform()
    return Look(
        body=body,
        girth=rng.uniform(0.88, 1.22),
        stature=rng.uniform(0.94, 1.0),
        skin=SKINS[rng.integers(len(SKINS))],
        hair=HAIRS[rng.integers(len(HAIRS))],
        shirt=hsv(hue, rng.uniform(0.75, 1.0), rng.uniform(0.8, 1.0)),
        # Arms of another colour stay visible in front of the body.
        arms=hsv(hue + rng.uniform(0.15, 0.85), rng.uniform(0.1, 0.6), rng.uniform(0.85, 1.0)),
        trousers=hsv(hue + rng.uniform(0.3, 0.7), rng.uniform(0.7, 1.0), rng.uniform(0.6, 0.95)),
        shoes=hsv(rng.uniform(), rng.uniform(0.0, 1.0), rng.choice([0.15, 0.95])),
        sleeves=bool(rng.uniform() < 0.5),
        shorts=bool(rng.uniform() < 0.3),
        hair_style=str(
            rng.choice(["short", "long", "bun", "cap", "bald"], p=[0.4, 0.2, 0.15, 0.15, 0.1])
        ),
        stripe=bool(rng.uniform() < 0.35),
    )
