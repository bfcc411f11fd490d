"""`report.html`: one file that a browser opens without a network.

Its own script turns the data in the page into elements: no text from users is read as HTML, and the
page's policy allows no other script and fetches nothing.
"""

import base64
import hashlib
import html
import json
import re
from importlib import resources
from pathlib import Path
from typing import Any

from jaxvid.experiment.data import PreparedData
from jaxvid.report import clips, page_data
from jaxvid.report.runs import Run
from jaxvid.runtime import files

MOVING = 10_000_000  # characters of moving clips on a page, at most; the rest are stills
STILL = 3_000_000  # characters of stills, at most
SCRIPTS = ("parts.js", "clips.js", "charts.js", "matrix.js", "tables.js", "map.js", "main.js")


def write(path: Path, runs: list[Run], footage: PreparedData | None, lacks: dict[str, str]) -> Path:
    """Writes the page of the first of `runs`, compared with the others. Returns its path.

    `lacks`: what cannot be shown, and why.
    """
    pictures = _pictures(runs[0], footage) if footage else []
    shown = sum(picture is not None for picture in pictures)
    if footage and shown < len(pictures):
        lacks = lacks | {"pictures": f"{shown} of {len(pictures)} clips are shown, for their size"}
    data = page_data.of(runs, lacks)
    files.write_text(path, render(runs[0].name, data, pictures))
    return path


def render(title: str, data: dict[str, Any], pictures: list[Any]) -> str:
    """Returns the page as ASCII text."""
    style = _asset("page.css")
    script = f'(() => {{\n"use strict";\n{"".join(_asset(name) for name in SCRIPTS)}}})();\n'
    policy = (
        f"default-src 'none'; img-src data:; style-src '{_hash(style)}'; "
        f"script-src '{_hash(script)}'; base-uri 'none'; form-action 'none'"
    )
    parts = {
        "POLICY": policy,
        "TITLE": _escaped(f"{title}: jaxvid report"),
        "STYLE": style,
        "DATA": _json(data),
        "PICTURES": _json(pictures),
        "SCRIPT": script,
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda name: parts[name[1]], _asset("page.html"))


def _pictures(run: Run, footage: PreparedData) -> list[list[Any] | None]:
    """Returns every clip's sprite, or None where the page is full."""
    ids = run.scored.clips
    found: list[list[Any] | None] = [None] * len(ids)
    left = [int(i) for i in page_data.shown_order(run) if ids[i] in footage.source]
    for count, room in ((clips.FRAMES, MOVING), (1, STILL)):
        sprites = clips.sprites(footage, [ids[i] for i in left], count)
        for i, sprite in zip(left, sprites, strict=True):
            room -= len(sprite.uri)
            if room < 0:
                break
            found[i] = list(sprite)
        left = [i for i in left if found[i] is None]
    return found


def _asset(name: str) -> str:
    return resources.files("jaxvid.report").joinpath("assets", name).read_text(encoding="utf-8")


def _escaped(text: str) -> str:
    return html.escape(text).encode("ascii", "xmlcharrefreplace").decode("ascii")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _json(value: Any) -> str:
    # A script element ends at a less-than sign alone.
    return json.dumps(value, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
