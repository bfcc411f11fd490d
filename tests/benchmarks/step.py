"""Forward passes and training steps side by side with the same networks in PyTorch.

    python tests/benchmarks/step.py [--systems=i3d,li3d,li3d_bilstm] [--batch=4] [--frames=16]
        [--size=112] [--rounds=9] [--no-compiled]

I3D, LI3D and LI3D-BiLSTM at the papers' width on random uint8 clips, 101 classes; a training step
is forward, backward, and SGD with Nesterov momentum. Ours is `jaxvid.train.train_step`, PyTorch's
`torch_i3d.py`, channels-last-3d, eager and compiled. All sides take turns in one process, so that a
slow minute of the machine slows them all; a ratio is taken within each round. On a CPU all computes
in float32; on a GPU in bfloat16 with float32 parameters (PyTorch: autocast), and the tables name
peak memory and the share of the chip's matrix rate, which is measured beforehand.

Before anything is timed, the logits and the loss's gradients of both are compared on the same
weights.
"""

import argparse
import functools
import os
import sys
from collections.abc import Callable
from typing import Any

os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # the GPU is shared with PyTorch

import jax
import jax.numpy as jnp
import numpy as np
import sides
import torch
import torch_i3d

from jaxvid import config_files, devices, models, optimizers
from jaxvid.network import forward
from jaxvid.train_step import TrainState, train_step

CLASSES = 101
ON_GPU = jax.default_backend() == "gpu"
DEVICE = "cuda" if ON_GPU else "cpu"


class Ours:
    def __init__(self, system: str, clips: np.ndarray, labels: np.ndarray):
        config = config_files.load(f"{system}:ucf101")
        config.model.dropout = 0.0
        config.train.clip_norm = 0.0
        config.train.weight_decay = 0.0
        self.config = config
        dtype = devices.compute_dtype(config.train.dtype)
        self.model = models.build(config.model, CLASSES, dtype)
        self.optimizer = optimizers.build(config.train, lambda step: 0.01)
        self.key = jax.random.key(0)
        self.batch = jax.device_put({"clip": clips, "label": labels})
        self.state = jax.jit(self._create)(self.key)
        step = functools.partial(train_step, self.model, self.optimizer, config.train)
        self.compiled = (
            devices.jit(step, donate_argnums=0).lower(self.state, self.batch, self.key).compile()
        )
        self._forward = devices.jit(functools.partial(forward, self.model))

    def _create(self, key: jax.Array) -> TrainState:
        blank = jnp.zeros((1, *self.batch["clip"].shape[1:]))
        variables = self.model.init(key, blank, train=False)
        opt_state = self.optimizer.init(variables["params"])
        step = jnp.zeros((), jnp.int32)
        return TrainState(step, variables["params"], variables["batch_stats"], opt_state)

    def forward(self) -> np.ndarray:
        said = self._forward(self.state.variables, self.batch["clip"][:, None])
        return np.asarray(said["logits"])

    def step(self) -> float:
        self.state, metrics = self.compiled(self.state, self.batch, self.key)
        return float(metrics["loss"])


class Theirs:
    def __init__(self, ours: Ours, clips: np.ndarray, labels: np.ndarray):
        params = jax.device_get(ours.state.params)
        self.network = torch_i3d.build(ours.config.model, CLASSES, params)
        self.network.to(DEVICE, memory_format=torch.channels_last_3d)
        channels_first = torch.from_numpy(np.moveaxis(clips, -1, 1))
        self.clips = channels_first.to(DEVICE, memory_format=torch.channels_last_3d)
        self.labels = torch.from_numpy(labels).long().to(DEVICE)
        self.optimizer = torch.optim.SGD(
            [p for p in self.network.parameters() if p.requires_grad],
            lr=0.01,
            momentum=0.9,
            nesterov=True,
        )
        self.compiled = torch.compile(self.network)

    def _loss(self, network: Callable) -> torch.Tensor:
        with torch.autocast(DEVICE, torch.bfloat16, enabled=ON_GPU):
            logits = network(self.clips)
        return torch.nn.functional.cross_entropy(logits.float(), self.labels)

    def forward(self, network: Callable) -> np.ndarray:
        network.eval()
        with torch.inference_mode(), torch.autocast(DEVICE, torch.bfloat16, enabled=ON_GPU):
            return network(self.clips).float().cpu().numpy()

    def step(self, network: Callable) -> float:
        network.train()
        loss = self._loss(network)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        return loss.item()


def check(ours: Ours, theirs: Theirs) -> None:
    """Raises AssertionError where the two are not the same network."""
    tolerance = 0.05 if ON_GPU else 1e-3
    a, b = ours.forward(), theirs.forward(theirs.network)
    np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * np.abs(a).max())
    params = jax.device_get(ours.state.params)
    theirs.network.train()
    loss = theirs._loss(theirs.network)
    loss.backward()
    said = [np.ravel(g) for g in torch_i3d.gradients(theirs.network, params)]
    theirs.optimizer.zero_grad(set_to_none=True)

    def loss_of(params: Any) -> jax.Array:
        variables = {"params": params, "batch_stats": ours.state.batch_stats}
        clips = devices.network_input(ours.batch["clip"])
        outputs, _ = ours.model.apply(variables, clips, train=True, mutable=["batch_stats"])
        labels = ours.batch["label"]
        return -jnp.take_along_axis(jax.nn.log_softmax(outputs.logits), labels[:, None], 1).mean()

    value, gradient = devices.jit(jax.value_and_grad(loss_of))(params)
    mine = [np.ravel(g) for g in jax.tree.leaves(gradient)]
    far = np.linalg.norm(np.concatenate(mine) - np.concatenate(said)) / np.linalg.norm(
        np.concatenate(mine)
    )
    print(
        f"loss {float(value):.4f} and {float(loss.detach()):.4f}, gradients {far:.3f} apart",
        flush=True,
    )
    assert abs(float(value) - float(loss.detach())) < tolerance * float(value)
    assert far < 0.2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--systems", default="i3d,li3d,li3d_bilstm")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--frames", type=int, default=16)
    parser.add_argument("--size", type=int, default=112)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--no-compiled", action="store_true")
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    shape = (arguments.batch, arguments.frames, arguments.size, arguments.size, 3)
    clips = rng.integers(0, 256, shape, np.uint8)
    labels = rng.integers(0, CLASSES, arguments.batch).astype(np.int32)
    passes: dict[str, Callable] = {}
    for system in arguments.systems.split(","):
        ours = Ours(system, clips, labels)
        theirs = Theirs(ours, clips, labels)
        check(ours, theirs)
        for name in ("forward", "step"):
            passes[f"{system} {name} ours"] = getattr(ours, name)
            for kind in ("network",) if arguments.no_compiled else ("network", "compiled"):
                network = getattr(theirs, kind)
                passes[f"{system} {name} {kind}"] = functools.partial(
                    getattr(theirs, name), network
                )
    seconds = sides.take_turns(passes, arguments.rounds)
    for k, v in seconds.items():
        print(k, sides.milliseconds(v))
        if k.endswith("ours"):
            print("   ratio", sides.ratio(seconds[k.replace("ours", "network")], v))
    for name in ("forward", "step"):
        if f"i3d {name} ours" in seconds and f"li3d {name} ours" in seconds:
            print(
                "li3d/i3d",
                name,
                sides.ratio(seconds[f"li3d {name} ours"], seconds[f"i3d {name} ours"]),
            )
            print(
                "torch i3d/li3d",
                name,
                sides.ratio(seconds[f"i3d {name} network"], seconds[f"li3d {name} ours"]),
            )


if __name__ == "__main__":
    sys.exit(main())
