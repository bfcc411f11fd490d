"""A layer's passes as each side computes them, on the same random arrays."""

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from layer_shapes import Layer

from jaxvid.models.layers.batch_norm import normalise
from jaxvid.models.layers.conv import conv3d
from jaxvid.models.layers.max_pool import max_pool
from jaxvid.runtime import devices

if importlib.util.find_spec("torch") is not None:
    import torch_layers
else:
    torch_layers = None

DTYPE = devices.compute_dtype("auto")
EPSILON = 1e-3
THEIRS = "PyTorch"
KERNEL_GRADIENT = "kernel gradient"
BOTH = "forward and backward"

# A pass begins and returns what will be its value.
Passes = dict[str, Callable[[], Any]]


@dataclass(frozen=True)
class Works:
    """The passes of each side, and the side that the models take on this machine.

    The first side that has a pass is what the others' values are compared with.
    """

    sides: dict[str, Passes]
    chosen: str
    x: np.ndarray

    def value(self, layer: Layer, side: str, name: str) -> np.ndarray:
        """Runs a pass and returns what its value is compared by."""
        value = self.sides[side][name]()
        if isinstance(value, tuple):
            value = value[0]
        if side == THEIRS:
            value = torch_layers.array(value, name == KERNEL_GRADIENT)
        value = np.asarray(value, np.float32)
        if layer.kind == "pool" and name == BOTH:
            # How elements that tie for a maximum share its gradient differs, and this does not.
            value = (value * self.x).sum(axis=(1, 2, 3))
        return value


def works_of(layer: Layer, compiled: Callable) -> Works:
    """Draws arrays for a layer, and returns its passes, which `compiled` jits."""
    return {"conv": _conv, "pool": _pool, "norm": _norm}[layer.kind](layer, compiled)


def finish(value: Any) -> None:
    """Waits until a value, and what was begun before it, is computed."""
    if isinstance(jax.tree.leaves(value)[0], jax.Array):
        jax.block_until_ready(value)
    else:
        torch_layers.synchronise()


def _conv(layer: Layer, compiled: Callable) -> Works:
    x, kernel, given = _drawn(layer.shape, layer.kernel_shape, layer.output_shape)
    arrays = _ours(x, kernel, given)
    programs, works = {}, {}
    for lowering in ("auto", "native", "decomposed", "stacked", "winograd"):

        def forward(x: jax.Array, kernel: jax.Array, _: Any, by: str = lowering) -> jax.Array:
            return conv3d(x, kernel, layer.strides, by)

        program = str(jax.make_jaxpr(forward)(*arrays))
        if program in (programs.get(each) for each in works):
            continue  # the same program as an earlier lowering's
        programs[lowering] = program
        if lowering == "auto":
            continue
        passes = {
            "forward": forward,
            "input gradient": _gradient(forward, 0),
            KERNEL_GRADIENT: _gradient(forward, 1),
        }
        if lowering == "native" and layer.strided and jax.default_backend() == "cpu":
            passes = {"forward": forward}
        works[lowering] = _begun(passes, compiled, arrays)
    chosen = next(each for each in works if programs[each] == programs["auto"])
    if torch_layers is not None:
        works[THEIRS] = torch_layers.conv(x, kernel, given, layer.strides)
    return Works(works, chosen, x)


def _pool(layer: Layer, compiled: Callable) -> Works:
    x, given = _drawn(layer.shape, layer.output_shape)
    x = np.abs(x)  # out of a ReLU in the models, and PyTorch's side may pad with zeros
    window, strides = (1, *layer.window, 1), (1, *layer.strides, 1)

    def native(x: jax.Array, *_: Any) -> jax.Array:
        return lax.reduce_window(x, -jnp.inf, lax.max, window, strides, "SAME")

    def ours(x: jax.Array, *_: Any) -> jax.Array:
        return max_pool(x, layer.window, layer.strides)

    works = {
        side: _begun({"forward": pool, BOTH: _both(pool)}, compiled, _ours(x, given))
        for side, pool in (("reduce_window", native), ("ours", ours))
    }
    if torch_layers is not None:
        works[THEIRS] = torch_layers.pool(x, given, layer.window, layer.strides)
    return Works(works, "ours", x)


def _norm(layer: Layer, compiled: Callable) -> Works:
    x, given, bias = _drawn(layer.shape, layer.shape, layer.shape[-1:])
    x = 2 * x + 0.5
    # Away from ReLU's corner, where rounding alone decides whether a gradient goes through.
    rows = x.reshape(-1, layer.features)
    normal = (rows - rows.mean(0, np.float64)) / rows.std(0, np.float64)
    rows[np.abs(normal + bias) < 1e-3] += 0.02
    flax_norm = nn.BatchNorm(False, use_scale=False, epsilon=EPSILON, dtype=DTYPE)
    stats = {"mean": jnp.zeros(layer.features), "var": jnp.ones(layer.features)}

    def flax(x: jax.Array, bias: jax.Array) -> jax.Array:
        variables = {"params": {"bias": bias}, "batch_stats": stats}
        return nn.relu(flax_norm.apply(variables, x, mutable=["batch_stats"])[0])

    def ours(x: jax.Array, bias: jax.Array) -> jax.Array:
        return normalise(x, bias, EPSILON)[0]

    arrays = (*_ours(x), jnp.asarray(bias), *_ours(given))
    works = {
        side: _begun({BOTH: _both(norm)}, compiled, arrays)
        for side, norm in (("flax", flax), ("ours", ours))
    }
    if torch_layers is not None:
        works[THEIRS] = torch_layers.norm(x, bias, given, EPSILON)
    return Works(works, "ours", x)


def _drawn(*shapes: tuple[int, ...]) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.standard_normal(shape, np.float32) for shape in shapes]


def _ours(*arrays: np.ndarray) -> tuple[jax.Array, ...]:
    return tuple(jnp.asarray(array, DTYPE) for array in arrays)


def _gradient(forward: Callable, number: int) -> Callable:
    """Returns the gradient of a linear pass by one argument, from the last one."""

    def gradient(*arrays: jax.Array) -> jax.Array:
        def of_one(array: jax.Array) -> jax.Array:
            return forward(*arrays[:number], array, *arrays[number + 1 :])

        return jax.vjp(of_one, arrays[number])[1](arrays[-1])[0]

    return gradient


def _both(forward: Callable) -> Callable:
    """Returns a pass and its gradients, first of which is its first argument's."""

    def both(*arrays: jax.Array) -> tuple[jax.Array, ...]:
        y, backward = jax.vjp(forward, *arrays[:-1])
        return (*backward(arrays[-1]), y)

    return both


def _begun(passes: Passes, compiled: Callable, arrays: tuple[jax.Array, ...]) -> Passes:
    def begun(function: Callable) -> Callable[[], jax.Array]:
        return lambda: function(*arrays)

    return {name: begun(compiled(function)) for name, function in passes.items()}
