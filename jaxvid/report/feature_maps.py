"""Feature maps: the activations of chosen layers for one frame (paper C, figure 7)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import flax.linen as nn
import jax
import numpy as np
from flax.traverse_util import flatten_dict

from jaxvid.models import normalize
from jaxvid.models.layers.conv import ConvReLU, ConvUnit
from jaxvid.report.figures import GREY, sheet

Wanted = Callable[[nn.Module, str], bool]
LAYERS = (1, 6, 9)  # which convolutions of a VGG-16, counted from 1 (paper C)
CHANNELS = 6  # of each layer, the first ones (paper C)


@dataclass(frozen=True)
class Maps:
    """The maps of a layer's first n channels, of one frame: (n, H, W) float32."""

    layer: str
    number: int
    total: int  # channels of the layer
    maps: np.ndarray
    frame: int  # of the clip, the middle of what the maps' step stands for


def compute(
    model: nn.Module, variables: Any, clip: Any, frame: int, wanted: Sequence[int] = LAYERS
) -> list[Maps]:
    """Returns maps of a frame from the `wanted` convolutions, counted from 1, of a model's first.

    `clip` is one clip as networks take a batch of them, (1, T, H, W, C) uint8 or a map of them.
    Of two towers, those of the RGB one. The maps are those after the ReLU. Empty where the model
    has no convolutions of images, such as on skeletons.
    """
    layers = _layers(model, variables, clip)
    chosen = [(number, layers[number - 1]) for number in wanted if number <= len(layers)]
    if not (paths := [path for _, path in chosen]):
        return []

    def run(variables: Any, clip: Any) -> list[jax.Array]:
        state = _captured(model, variables, clip, lambda module, _: module.path in paths)
        flat = flatten_dict(state)
        return [flat[*path, "__call__"][0] for path in paths]

    # On one clip, once: compiling fast is faster than running fast.
    compiled = jax.jit(run, compiler_options={"xla_backend_optimization_level": 0})
    frames = jax.tree.leaves(clip)[0].shape[1]
    found = zip(chosen, compiled(variables, clip), strict=True)
    return [_maps(number, path, value, frame, frames) for (number, path), value in found]


def _captured(model: nn.Module, variables: Any, clip: Any, wanted: Wanted) -> Any:
    _, state = model.apply(
        variables,
        normalize(clip),
        train=False,
        capture_intermediates=wanted,
        mutable=["intermediates"],
    )
    return state.get("intermediates")


def _layers(model: nn.Module, variables: Any, clip: Any) -> list[tuple[str, ...]]:
    """Returns the paths of the convolutions of images with their ReLU, in the order of the pass."""
    met: list[tuple[str, ...]] = []

    def note(module: nn.Module, method: str) -> bool:
        if isinstance(module, ConvReLU | ConvUnit) and method == "__call__":
            met.append(module.path)
        return False

    jax.eval_shape(partial(_captured, model, wanted=note), variables, clip)
    paths = list(dict.fromkeys(met))
    towers = [path for path in paths if {"spatial", "rgb"} & set(path[:2])]
    return towers or paths


def _maps(number: int, path: tuple[str, ...], value: Any, frame: int, frames: int) -> Maps:
    array = np.asarray(value, np.float32)[0]  # (T', H, W, C)
    stride = frames / len(array)
    step = min(int(frame / stride), len(array) - 1)
    maps = np.moveaxis(array[step], -1, 0)
    name = "/".join(part for part in path if part not in ("backbone", "conv"))
    return Maps(name, number, len(maps), maps[:CHANNELS], int((step + 0.5) * stride))


def draw(frame: np.ndarray, layers: list[Maps], path: Path, text: str = "") -> None:
    """Draws a frame (H, W, 3) uint8 and beside it a row of maps for each layer.

    Each map has a scale of its own, from zero or its lowest value to its highest.
    """
    with sheet(path, 9.6, 0.7 + 1.5 * len(layers), text=text) as figure:
        widths = (1.5, CHANNELS)
        whole, right = figure.subfigures(1, 2, squeeze=False, width_ratios=widths).ravel()
        axes = whole.subplots()
        axes.imshow(frame, interpolation="lanczos")
        axes.set_axis_off()
        axes.set_title("the frame", fontsize=8.5)
        rows = right.subfigures(len(layers), 1, squeeze=False).ravel()
        for row, layer in zip(rows, layers, strict=True):
            height, width = layer.maps.shape[1:]
            title = (
                f"convolution {layer.number}, {layer.layer}: {height} x {width}, the "
                f"first {len(layer.maps)} of {layer.total} channels"
            )
            row.suptitle(title, fontsize=8.5, fontweight="bold", x=0.02, ha="left")
            grid = row.subplots(1, CHANNELS)
            for axes in grid:
                axes.set_axis_off()
            for channel, (axes, shown) in enumerate(zip(grid, layer.maps, strict=False), 1):
                axes.imshow(shown, cmap="magma", vmin=min(0.0, float(shown.min())))
                axes.set_title(f"{channel}", fontsize=7, color=GREY, fontweight="normal", pad=2)
