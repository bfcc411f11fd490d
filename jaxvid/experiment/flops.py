"""How big a network is and what it computes, counted from its program, which is never run."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn
from ml_collections import ConfigDict

from jaxvid import models
from jaxvid.config import files as config_files
from jaxvid.config.names import DATASETS
from jaxvid.data.pipeline import as_clip
from jaxvid.errors import UserError
from jaxvid.experiment.network import Network, forward, open_network
from jaxvid.workdir import layout as workdirs


def count_flops(jaxpr: Jaxpr) -> int:
    """Counts the floating-point operations of a program's convolutions and matrix products.

    A multiplication and the addition after it are two. A scan counts for each of its steps, the
    dearest branch for all. As in the tables of papers, positions in the padding count like others,
    and whatever goes element by element does not count. Raises ValueError for a product in a loop
    whose length the program does not say.
    """
    return sum(_flops_of(equation) for equation in jaxpr.eqns)


def _flops_of(equation: JaxprEqn) -> int:
    name, params = equation.primitive.name, equation.params
    if name == "dot_general":
        (contracted, _), _ = params["dimension_numbers"]
        taken = equation.invars[0].aval.shape
        return 2 * equation.outvars[0].aval.size * math.prod(taken[axis] for axis in contracted)
    if name == "conv_general_dilated":
        return _flops_of_convolution(equation)
    inner = [count_flops(program) for program in _programs(params)]
    if name == "while" and any(inner):
        raise ValueError("a product in a while loop: how often it is computed is not known")
    if name == "cond":
        return max(inner)
    return params["length"] * sum(inner) if name == "scan" else sum(inner)


def _flops_of_convolution(equation: JaxprEqn) -> int:
    x, kernel = (variable.aval.shape for variable in equation.invars)
    y = equation.outvars[0].aval.shape
    axes = equation.params["dimension_numbers"]
    (batch, features, *places), (_, channels, *taps) = axes.out_spec, axes.rhs_spec
    products = y[batch] * y[features] * kernel[channels]
    for before, tap, after in zip(axes.lhs_spec[2:], taps, places, strict=True):
        # The gradient of a stride spreads its input out with zeros, which are no work: each tap
        # meets each input once at most, as it meets each output.
        products *= kernel[tap] * min(x[before], y[after])
    return 2 * products


def _programs(params: dict[str, Any]) -> Iterator[Jaxpr]:
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

    All parameters are trained; the optimiser works element by element and counts nothing.
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
    """Returns the size and the work of a config's network by name, without its dataset at hand.

    `num_classes`: by default those of a run on the dataset in the workdir, those of `data.classes`,
    or those that the dataset is known to have. Raises UserError where none of them says it, and for
    a system without a network.
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
    """Returns how many classes there are, and where that is from. Raises UserError."""
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
        f"config.data.dataset={config.data.dataset}: how many classes it has is not known here; "
        "--num_classes=N says it"
    )
