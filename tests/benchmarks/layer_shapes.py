"""The distinct layers of I3D and LI3D, found by tracing the networks without running them."""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxvid import models
from jaxvid.config import files as config_files
from jaxvid.models import i3d
from jaxvid.models.layers.batch_norm import BatchNormReLU
from jaxvid.models.layers.conv import Conv3D
from jaxvid.models.layers.padding import Triple

SYSTEMS = ("i3d", "li3d")
CLASSES = 101


@dataclass(frozen=True)
class Layer:
    """A layer's operation and shapes: equal layers take equally long.

    `kind` is conv, pool or norm; `shape` (B,T,H,W,C) the input's; `window` the kernel's or the
    pooling's. `name` is that of the first such layer; comparison ignores it.
    """

    kind: str
    shape: tuple[int, ...]
    window: Triple
    strides: Triple
    features: int
    name: str = field(compare=False)

    @property
    def output_shape(self) -> tuple[int, ...]:
        places = (-(-n // s) for n, s in zip(self.shape[1:4], self.strides, strict=True))
        return (self.shape[0], *places, self.features)

    @property
    def kernel_shape(self) -> tuple[int, ...]:
        return (*self.window, self.shape[-1], self.features)

    @property
    def strided(self) -> bool:
        return self.strides != (1, 1, 1)

    @property
    def gflop(self) -> float:
        """Billions of multiplications and additions of a convolution, and of each gradient."""
        return 2e-9 * math.prod(self.output_shape) * math.prod(self.kernel_shape[:-1])

    def __str__(self) -> str:
        places, window = ("x".join(map(str, n)) for n in (self.shape[1:4], self.window))
        strides = "/" + "x".join(map(str, self.strides)) if self.strided else ""
        channels = f"{self.shape[-1]}"
        if self.kind == "norm":
            return f"{places}, {channels}"
        if self.kind == "conv":
            channels += f" to {self.features}"
        return f"{window}{strides} on {places}, {channels}"


def collect(batch: int, frames: int, size: int) -> dict[Layer, dict[str, int]]:
    """Returns how often each layer occurs in each system, in the order of their first places."""
    counts: dict[Layer, dict[str, int]] = {}
    for system in SYSTEMS:
        for layer in _layers_of(system, (batch, frames, size, size, 3)):
            counts.setdefault(layer, dict.fromkeys(SYSTEMS, 0))[system] += 1
    return counts


def _layers_of(system: str, shape: tuple[int, ...]) -> list[Layer]:
    model = models.build(config_files.load(f"{system}:ucf101").model, CLASSES)
    found: list[Layer] = []

    def record(call: Callable, args: Any, kwargs: Any, context: Any) -> Any:
        module = context.module
        if context.method_name == "__call__" and isinstance(module, Conv3D | BatchNormReLU):
            name = "/".join(part for part in module.path[1:] if part not in ("conv", "norm"))
            inside = args[0].shape
            found.append(
                Layer("conv", inside, module.kernel_size, module.strides, module.features, name)
                if isinstance(module, Conv3D)
                else Layer("norm", inside, (1, 1, 1), (1, 1, 1), inside[-1], name)
            )
        return call(*args, **kwargs)

    def pool(x: jax.Array, window: Triple, strides: Triple) -> jax.Array:
        found.append(Layer("pool", x.shape, window, strides, x.shape[-1], "max_pool"))
        return original(x, window, strides)

    original = i3d.max_pool
    with mock.patch.object(i3d, "max_pool", pool), nn.intercept_methods(record):
        jax.eval_shape(
            functools.partial(model.init, train=True), jax.random.key(0), jnp.zeros(shape)
        )
    return found
