"""A contact sheet of training clips as the model reads them, to find errors in the data."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from matplotlib.figure import Figure
from ml_collections import ConfigDict

from jaxvid.data import loading, pipeline, skeleton_pictures
from jaxvid.errors import UserError
from jaxvid.experiment.data import PreparedData
from jaxvid.report.figures import spaced
from jaxvid.runtime import files
from jaxvid.skeletons import SKELETONS

CLIPS = 8
FRAMES = 8  # of each clip, equally spaced over it
SIDE = 144  # pixels of a picture of joints

Row = tuple[str, np.ndarray, np.ndarray]  # title; numbers and (n, H, W, 3) images of frames


def preview(config: ConfigDict, path: Path) -> list[str]:
    """Writes the sheet of a run's first training clips, a row for each modality of a clip.

    Returns a line on each modality: the shape and type of a clip. Raises UserError for a system
    whose clips are no sequence of frames, and where no video decodes.
    """
    if config.model.system == "sift":
        raise UserError("--mode=preview shows a network's clips: sift reads whole frames")
    dataset = loading.load(config.data, config.seed, config.model.skeleton)
    footage = PreparedData(config, dataset, loading.open_records(dataset, config.data))
    clips = footage.clips("train")
    settings = loading.clip_settings(config)
    # A bone or a motion is no place to draw.
    settings = replace(settings, joints=replace(settings.joints, kind="joint"))
    drawn = [
        pipeline.training_example(footage.source, clips, settings, config.seed, g)
        for g in range(min(CLIPS, len(clips)))
    ]
    rows: list[Row] = []
    lines: dict[str, str] = {}
    for clip, arrays in drawn:
        modalities = arrays if isinstance(arrays, dict) else {config.data.modality: arrays}
        for name, frames in modalities.items():
            lines[name] = f"{name:8} {'x'.join(map(str, frames.shape))} {frames.dtype} a clip"
            shown = spaced(len(frames), FRAMES)
            pictures = PICTURES[name](frames, config)[shown]
            title = f"{dataset.class_names[clip.label]}\n{clip.id}\n{name}"
            rows.append((title, shown, pictures))
    files.write(path, _sheet(rows, config).savefig)
    return list(lines.values())


def _sheet(rows: list[Row], config: ConfigDict) -> Figure:
    columns = max(len(shown) for _, shown, _ in rows)
    size = (3.0 + 1.3 * columns, 0.7 + 1.55 * len(rows))
    figure = Figure(figsize=size, dpi=110, layout="constrained")
    augmented = "augmented" if config.data.augment else "not augmented"
    figure.suptitle(
        f"{config.name}: the first training clips of {config.data.dataset}, {augmented}; "
        f"{config.data.num_frames} frames each, seed {config.seed}"
    )
    grid = figure.subplots(len(rows), columns, squeeze=False)
    for (title, shown, pictures), line in zip(rows, grid, strict=True):
        for axes in line:
            axes.set_axis_off()
        for axes, number, picture in zip(line, shown, pictures, strict=False):
            axes.imshow(picture, interpolation="nearest")
            axes.set_title(f"frame {number + 1}", fontsize=7, pad=2)
        style = {"ha": "right", "va": "center", "fontsize": 8, "parse_math": False}
        line[0].text(-0.08, 0.5, title, transform=line[0].transAxes, **style)
    return figure


def _flow(frames: np.ndarray, config: ConfigDict) -> np.ndarray:
    """Returns stored flow (T, H, W, 2 L), its middle frame where they are stacked, in colours.

    The hue is the direction, the saturation the speed up to the bound: rest is white.
    """
    middle = 2 * (frames.shape[-1] // 4)
    vectors = frames[..., middle : middle + 2].astype(np.float32) / 127.5 - 1
    return np.stack([_colour_wheel(x, y) for x, y in np.moveaxis(vectors, -1, 1)])


def _colour_wheel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    length, angle = cv2.cartToPolar(x, y, angleInDegrees=True)
    # Rest lies between two of the 256 values. Motion is rarely near the bound: the root makes weak
    # motion visible.
    strength = np.sqrt(np.clip(length - 1 / 127.5, 0, 1))
    hsv = np.stack([angle, strength, np.ones_like(length)], -1)
    return np.rint(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB) * 255).astype(np.uint8)


def _skeleton(frames: np.ndarray, config: ConfigDict) -> np.ndarray:
    """Returns the people of a clip (T, M, V, 3) as sticks, in one scale."""
    skeleton = SKELETONS[config.model.skeleton]
    return np.stack(list(skeleton_pictures.drawn(frames, skeleton, SIDE)))


PICTURES: Mapping[str, Callable[[np.ndarray, ConfigDict], np.ndarray]] = {
    "rgb": lambda frames, config: frames,
    "flow": _flow,
    "skeleton": _skeleton,
}
