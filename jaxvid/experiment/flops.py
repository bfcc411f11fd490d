"""The size of a network and its FLOPs, counted from its program without running it."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn, Literal, Var
from ml_collections import ConfigDict

from jaxvid import models
from jaxvid.config import files as config_files
from jaxvid.config.names import DATASETS
from jaxvid.data.clip_cutting import as_clip
from jaxvid.errors import UserError
from jaxvid.experiment.network import Network, forward, open_network
from jaxvid.workdir import layout as workdirs


def count_flops(jaxpr: Jaxpr) -> int:
    """Counts the floating-point operations of a program's convolutions and matrix products.

    A multiplication and the addition after it are two. A scan counts for each of its steps, the
    most expensive branch for all. As in the tables of papers, positions in the padding count like
    others, and elementwise operations do not count. Raises ValueError for a product in a loop whose
    length the program does not state.
    """
    return sum(_flops_of(equation) for equation in jaxpr.eqns)


def _flops_of(equation: JaxprEqn) -> int:
    name, params = equation.primitive.name, equation.params
    if name == "dot_general":
        (contracted, _), _ = params["dimension_numbers"]
        left, y = _shape(equation.invars[0]), _shape(equation.outvars[0])
        return 2 * math.prod(y) * math.prod(left[axis] for axis in contracted)
    if name == "conv_general_dilated":
        return _flops_of_convolution(equation)
    inner = [count_flops(program) for program in programs(params)]
    if name == "while" and any(inner):
        raise ValueError("a product in a while loop: how often it is computed is not known")
    if name == "cond":
        return max(inner)
    return params["length"] * sum(inner) if name == "scan" else sum(inner)


def _flops_of_convolution(equation: JaxprEqn) -> int:
    x, kernel, y = map(_shape, (*equation.invars, *equation.outvars))
    axes = equation.params["dimension_numbers"]
    (batch, features, *places), (_, channels, *taps) = axes.out_spec, axes.rhs_spec
    products = y[batch] * y[features] * kernel[channels]
    for before, tap, after in zip(axes.lhs_spec[2:], taps, places, strict=True):
        # The gradient of a stride spreads its input out with zeros, which cost no work: each tap
        # meets each input at most once, as it meets each output.
        products *= kernel[tap] * min(x[before], y[after])
    return 2 * products


def _shape(variable: Literal | Var) -> tuple[int, ...]:
    assert isinstance(variable.aval, jax.core.ShapedArray)
    return variable.aval.shape


def programs(params: dict[str, Any]) -> Iterator[Jaxpr]:
    """Yields the programs inside an equation, by its parameters."""
    for value in params.values():
        for part in value if isinstance(value, tuple | list) else (value,):
            if isinstance(part, ClosedJaxpr):
                yield part.jaxpr
            elif isinstance(part, Jaxpr):
                yield part


def forward_flops(network: Network) -> int:
    """Counts the FLOPs of scoring one view of a clip, as `count_flops` does.

    They are the same on every machine, whatever lowering of convolutions is fast there.
    """
    model = _native(network)
    program = jax.make_jaxpr(lambda variables, clips: forward(model, variables, clips))
    return count_flops(program(network.shapes, _clip(network, 1, 1)).jaxpr)


def training_flops(network: Network) -> int:
    """Counts the FLOPs of a clip's part in a training step: the forward and the backward pass.

    All parameters are trained; the optimiser works elementwise and does not count.
    """
    model = _native(network)

    def summed(params: Any, batch_stats: Any, clips: Any) -> jax.Array:
        outputs, _ = model.apply(
            {"params": params, "batch_stats": batch_stats},
            models.normalize(clips),
            train=True,
            rngs={"dropout": jax.random.key(0)},
            mutable=["batch_stats"],
        )
        return outputs.logits.sum()

    shapes = network.shapes
    program = jax.make_jaxpr(jax.grad(summed))
    clip = _clip(network, 1)
    return count_flops(program(shapes["params"], shapes["batch_stats"], clip).jaxpr)


def _native(network: Network) -> nn.Module:
    config = network.config.model.copy_and_resolve_references()
    config.lowering = "native"
    return models.build(config, network.model.num_classes)


def _clip(network: Network, *axes: int) -> Any:
    shapes = {name: (*axes, *shape) for name, shape in network.clip_shapes.items()}
    return as_clip({n: jax.ShapeDtypeStruct(shape, jnp.float32) for n, shape in shapes.items()})


def describe(config: ConfigDict, workdir: Path, num_classes: int | None = None) -> dict[str, str]:
    """Returns the size and the FLOPs of a config's network by name, without reading its dataset.

    `num_classes`: by default that of a run on the dataset in the workdir, of `data.classes`, or of
    the dataset as it is distributed. Raises UserError where none of them is known, and for a system
    without a network.
    """
    if config.model.system == "sift":
        raise UserError("config.model.system=sift: --mode=count counts networks, and it has none")
    count, source = (num_classes, "--num_classes") if num_classes else _classes(config, workdir)
    network = open_network(config, count)
    modalities = [f"{name} {'x'.join(map(str, s))}" for name, s in network.clip_shapes.items()]
    return {
        "config": config.name or config.model.backbone,
        "classes": f"{count} ({source})",
        "clip": " and ".join(modalities),
        **{name.replace("_", " "): _size(size) for name, size in network.parameters.items()},
        "forward pass": f"{forward_flops(network) / 1e9:,.4g} GFLOP a clip",
        "training step": f"{training_flops(network) / 1e9:,.4g} GFLOP a clip, forward and backward",
    }


def _size(parameters: int) -> str:
    return f"{parameters:,} ({parameters * 4 / 1e6:.1f} MB in float32)"


def _classes(config: ConfigDict, workdir: Path) -> tuple[int, str]:
    """Returns the number of classes, and its source. Raises UserError."""
    saved = workdir / workdirs.CONFIG
    if saved.is_file():
        run = config_files.read(saved).data
        if (run.dataset, run.classes) == (config.data.dataset, config.data.classes):
            return len(workdirs.class_names(workdir)), f"of the run in {workdir}"
    if config.data.classes:
        return len(config.data.classes), "config.data.classes"
    if count := DATASETS.get(config.data.dataset):
        return count, config.data.dataset
    raise UserError(
        f"config.data.dataset={config.data.dataset}: its number of classes is not known here; "
        "pass --num_classes=N"
    )
