"""The clips of a report: the frames that the model read of a video, as images."""

import base64
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from ml_collections import ConfigDict

from jaxvid.data import loading, sampling
from jaxvid.data.modalities import Modality
from jaxvid.data.records import Record
from jaxvid.experiment.data import PreparedData
from jaxvid.report.figures import spaced
from jaxvid.report.preview import PICTURES

FRAMES = 16  # of a moving clip on the page, at most
HEIGHT = 96  # pixels, at most; smaller ones are enlarged by the browser
SHOWN_FIRST = ("rgb", "skeleton", "flow")  # of a clip's modalities, the one that is shown
_QUALITY = 50


@dataclass(frozen=True)
class Pictures:
    """Frames of a clip: (n, H, W, 3) uint8 RGB.

    `places` (n,): their numbers among the `total` frames of the clip, which lasts `seconds`.
    """

    frames: np.ndarray
    places: np.ndarray
    total: int
    seconds: float


class Sprite(NamedTuple):
    """A clip's frames side by side in one WebP image, as a data URI, and the clip's duration."""

    uri: str
    frames: int
    width: int
    height: int
    seconds: float


def pictures(footage: PreparedData, clip_id: str, count: int = FRAMES) -> Pictures:
    """Returns up to `count` of the frames that an evaluation of one view reads, equally spaced."""
    video = footage.source[clip_id]
    times, chosen, seconds = _seen(video, footage.config)
    places = spaced(len(chosen), count)
    modality, record = min(video, key=lambda each: SHOWN_FIRST.index(each[0].name))
    indices = np.minimum(times[chosen[places]], len(record.frames) - 1)
    frames = PICTURES[modality.name](record.read(modality, indices), footage.config)
    return Pictures(frames, places, len(chosen), seconds)


def sprites(footage: PreparedData, clip_ids: list[str], count: int = FRAMES) -> Iterator[Sprite]:
    """Yields each clip as a sprite of `count` frames, in order, from `data.threads` threads."""
    with ThreadPoolExecutor(footage.config.data.threads or 2) as pool:
        for start in range(0, len(clip_ids), 16):  # few: a caller may stop early
            some = clip_ids[start : start + 16]
            yield from pool.map(lambda each: as_sprite(pictures(footage, each, count)), some)


def _seen(
    video: list[tuple[Modality, Record]], config: ConfigDict
) -> tuple[np.ndarray, np.ndarray, float]:
    """Returns a video's frames at the config's rate, those of the centred view, and its seconds."""
    _, record = video[0]
    if config.model.system == "sift":
        from jaxvid.classical.descriptors import frame_indices

        times = np.arange(len(record.frames))
        chosen = frame_indices(len(times), config.sift.frames)
    else:
        settings = loading.clip_settings(config)
        times = sampling.resample(len(record.frames), record.fps, settings.fps, record.times)
        need = settings.num_frames
        if settings.least_share is not None:
            chosen = np.rint(sampling.stretched(len(times), need)).astype(int)
        elif settings.intervals:
            [chosen] = sampling.whole_video(len(times), need, views=1)
        else:
            [start] = sampling.view_starts(len(times), need, views=1)
            chosen = sampling.consecutive(len(times), need, start)
    steps = np.abs(np.diff(times[chosen]))
    typical = float(np.median(steps)) if len(steps) else 1.0
    rate = record.fps if np.isfinite(record.fps) and record.fps > 0 else 25.0
    return times, chosen, max(typical, 1.0) * len(chosen) / rate


def as_sprite(shown: Pictures) -> Sprite:
    """Returns the frames as one image of HEIGHT or less."""
    count, height, width, _ = shown.frames.shape
    frames = list(shown.frames)
    if height > HEIGHT:
        width, height = max(1, round(width * HEIGHT / height)), HEIGHT
        frames = [cv2.resize(f, (width, height), interpolation=cv2.INTER_AREA) for f in frames]
    strip = cv2.cvtColor(np.concatenate(frames, axis=1), cv2.COLOR_RGB2BGR)
    encoded, data = cv2.imencode(".webp", strip, [cv2.IMWRITE_WEBP_QUALITY, _QUALITY])
    if not encoded:
        raise OSError("a clip could not be written as WebP")
    uri = "data:image/webp;base64," + base64.b64encode(data.tobytes()).decode("ascii")
    return Sprite(uri, count, width, height, round(shown.seconds, 2))
