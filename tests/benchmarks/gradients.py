"""How far the gradients of whole networks are from float64, by the lowering of the convolutions.

    python tests/benchmarks/gradients.py [--systems=i3d,li3d] [--seeds=3] [--batch=4] [--frames=16]
        [--size=112]

The gradient of the cross-entropy by all parameters, in training at random weights, on random clips:
ours in float32 at each lowering, and PyTorch's in float32, against PyTorch's in float64 on the same
weights and clips. A distance is the norm of the difference by the norm of the float64 gradient. At
random weights batch norm makes the gradient ill-conditioned: a distance of some hundredths is
float32's own.
"""

import argparse
import functools
import statistics
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import sides
import torch
import torch_i3d
from ml_collections import ConfigDict

from jaxvid import models
from jaxvid.config import files as config_files
from jaxvid.runtime import devices

CLASSES = 101
LOWERINGS = ("decomposed", "winograd")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--systems", default="i3d,li3d")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--frames", type=int, default=16)
    parser.add_argument("--size", type=int, default=112)
    arguments = parser.parse_args()
    shape = (arguments.batch, arguments.frames, arguments.size, arguments.size, 3)
    rows = []
    for system in arguments.systems.split(","):
        distances: dict[str, list[float]] = {}
        for seed in range(arguments.seeds):
            for name, distance in _distances(system, seed, shape).items():
                distances.setdefault(name, []).append(distance)
        for name, values in distances.items():
            shown = [f"{value:.4f}" for value in (*values, statistics.median(values))]
            rows.append([system, name, *shown])
    seeds = [f"seed {seed}" for seed in range(arguments.seeds)]
    print(sides.table(["distance from float64", "float32", *seeds, "median"], rows))


def _distances(system: str, seed: int, shape: tuple[int, ...]) -> dict[str, float]:
    rng = np.random.default_rng(seed)
    clips = rng.integers(0, 256, shape, np.uint8)
    labels = rng.integers(0, CLASSES, shape[0]).astype(np.int32)
    config = _config(system)
    model = models.build(config.model, CLASSES)
    blank = jnp.zeros((1, *shape[1:]))
    variables = jax.jit(lambda key: model.init(key, blank, train=False))(jax.random.key(seed))
    params, stats = jax.device_get((variables["params"], variables["batch_stats"]))
    found = {}
    for lowering in LOWERINGS:
        gradient = jax.device_get(_gradient(system, lowering)(params, stats, clips, labels))
        found[lowering] = np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(gradient)])
    found["PyTorch"] = _theirs(config, params, clips, labels, torch.float32)
    exact = _theirs(config, params, clips, labels, torch.float64)
    return {
        name: float(np.linalg.norm(gradient - exact) / np.linalg.norm(exact))
        for name, gradient in found.items()
    }


def _config(system: str) -> ConfigDict:
    config = config_files.load(f"{system}:ucf101")
    config.model.dropout = 0.0
    return config


@functools.cache  # seeds share what is compiled
def _gradient(system: str, lowering: str) -> Callable[..., Any]:
    config = _config(system)
    config.model.lowering = lowering
    model = models.build(config.model, CLASSES)

    def loss_of(params: Any, stats: Any, clips: jax.Array, labels: jax.Array) -> jax.Array:
        outputs, _ = model.apply(
            {"params": params, "batch_stats": stats},
            models.normalize(clips),
            train=True,
            mutable=["batch_stats"],
        )
        chosen = jnp.take_along_axis(jax.nn.log_softmax(outputs.logits), labels[:, None], axis=1)
        return -chosen.mean()

    return devices.jit(jax.grad(loss_of))


def _theirs(
    config: Any, params: Any, clips: np.ndarray, labels: np.ndarray, dtype: torch.dtype
) -> np.ndarray:
    network = torch_i3d.build(config.model, CLASSES, params)
    network.to(dtype=dtype, memory_format=torch.channels_last_3d).train()
    logits = network(torch.from_numpy(np.moveaxis(clips, -1, 1)))
    torch.nn.functional.cross_entropy(logits, torch.from_numpy(labels).long()).backward()
    return np.concatenate([np.ravel(leaf) for leaf in torch_i3d.gradients(network, params)])


if __name__ == "__main__":
    main()
