"""Feature maps: what chosen layers make of one frame (paper C, figure 7)."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import flax.linen as nn
import jax
import numpy as np

from jaxvid.models import normalize
from jaxvid.models.layers.conv import ConvReLU, ConvUnit
from jaxvid.report.figures import GREY, sheet

LAYERS = (1, 6, 9)  # which convolutions of a VGG-16, counted from 1 (paper C)
CHANNELS = 6  # of each layer, those whose maps vary most over the frame


@dataclass(frozen=True)
class Maps:
    """One layer's maps of one frame: (n, H, W) float32, and which of its C channels they are."""

    layer: str
    number: int
    channels: np.ndarray
    total: int
    maps: np.ndarray
    frame: int  # of the clip, the middle of what the maps' step stands for


def compute(
    model: nn.Module, variables: Any, clip: Any, frame: int, wanted: Sequence[int] = LAYERS
) -> list[Maps]:
    """Returns maps of a frame from the `wanted` convolutions, counted from 1, of a model's first.

    `clip` is one clip as networks take a batch of them, (1, T, H, W, C) uint8 or a map of them.
    Of two towers, the RGB one is taken. The maps are those after the ReLU. Where the model has no
    convolutions of pictures, such as on skeletons, the list is empty.
    """
    found = _layers(model, variables, clip)
    chosen = [(number, found[number - 1]) for number in wanted if number <= len(found)]
    if not chosen:
        return []
    paths = {path for _, path in chosen}

    def run(variables: Any, clip: Any) -> dict[str, jax.Array]:
        _, state = model.apply(
            variables,
            normalize(clip),
            train=False,
            capture_intermediates=lambda module, _: module.path in paths,
            mutable=["intermediates"],
        )
        return {"/".join(path): _at(state["intermediates"], path) for path in paths}

    # Only this once, on one clip: what is quicker to compile is quicker.
    compiled = jax.jit(run, compiler_options={"xla_backend_optimization_level": 0})
    said = compiled(variables, clip)
    frames = jax.tree.leaves(clip)[0].shape[1]
    return [_maps(number, path, said["/".join(path)], frame, frames) for number, path in chosen]


def _layers(model: nn.Module, variables: Any, clip: Any) -> list[tuple[str, ...]]:
    """Returns the paths of the convolutions with their ReLU that see pictures, as they are run."""
    met: list[tuple[str, ...]] = []

    def note(module: nn.Module, method: str) -> bool:
        if isinstance(module, ConvReLU | ConvUnit) and method == "__call__":
            met.append(module.path)
        return False

    def run(variables: Any, clip: Any) -> None:
        model.apply(
            variables,
            normalize(clip),
            train=False,
            capture_intermediates=note,
            mutable=["intermediates"],
        )

    jax.eval_shape(run, variables, clip)
    paths = list(dict.fromkeys(met))
    towers = [path for path in paths if {"spatial", "rgb"} & set(path[:2])]
    return towers or paths


def _at(tree: Any, path: tuple[str, ...]) -> jax.Array:
    for part in path:
        tree = tree[part]
    return tree["__call__"][0]


def _maps(number: int, path: tuple[str, ...], value: Any, frame: int, frames: int) -> Maps:
    array = np.asarray(value, np.float32)[0]  # (T', H, W, C)
    stride = frames / len(array)
    step = min(int(frame / stride), len(array) - 1)
    maps = np.moveaxis(array[step], -1, 0)
    varied = np.argsort(-maps.std(axis=(1, 2)), kind="stable")[:CHANNELS]
    name = "/".join(part for part in path if part not in ("backbone", "conv"))
    return Maps(name, number, varied, len(maps), maps[varied], int((step + 0.5) * stride))


def draw(frame: np.ndarray, layers: list[Maps], path: Path, text: str = "") -> None:
    """Draws a frame (H, W, 3) uint8 and beside it a row of maps for each layer.

    Each map has a scale of its own, from zero or its lowest value to its highest.
    """
    with sheet(path, 9.6, 0.7 + 1.5 * len(layers), text=text) as figure:
        whole, right = figure.subfigures(1, 2, width_ratios=(1.5, CHANNELS))
        axes = whole.subplots()
        axes.imshow(frame, interpolation="lanczos")
        axes.set_axis_off()
        axes.set_title("the frame", fontsize=8.5)
        rows = right.subfigures(len(layers), 1, squeeze=False).ravel()
        for row, layer in zip(rows, layers, strict=True):
            height, width = layer.maps.shape[1:]
            row.suptitle(
                f"convolution {layer.number}, {layer.layer}: {height} x {width}, the "
                f"{len(layer.channels)} most varied of {layer.total} channels",
                **{"fontsize": 8.5, "fontweight": "bold", "x": 0.02, "ha": "left"},
            )
            grid = row.subplots(1, CHANNELS)
            for axes in grid:
                axes.set_axis_off()
            for axes, channel, shown in zip(grid, layer.channels, layer.maps, strict=False):
                axes.imshow(shown, cmap="magma", vmin=min(0.0, float(shown.min())))
                axes.set_title(f"{channel}", fontsize=7, color=GREY, fontweight="normal", pad=2)
