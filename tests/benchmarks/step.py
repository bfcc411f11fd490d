"""Forward passes and training steps side by side with the same networks in PyTorch.

    python tests/benchmarks/step.py [--systems=i3d,li3d,li3d_bilstm] [--batch=4] [--frames=16]
        [--size=112] [--rounds=9] [--no-compiled] [--return-memory]

I3D, LI3D and LI3D-BiLSTM at the papers' width on random uint8 clips, 101 classes; a training step
is forward, backward, and SGD with Nesterov momentum. Ours is `jaxvid.train_step`, PyTorch's
`torch_i3d.py`, channels-last-3d, eager and compiled. All sides take turns in one process, so that a
slow minute of the machine slows them all; a turn is three calls, as steps follow each other in a
training, and the mean of the last two counts. A ratio is taken within each round, and above 1 ours
is the faster. Freed memory is kept as `jaxvid.main` does, which serves both; `--return-memory`
leaves it to glibc's defaults. On a CPU all computes in float32; on a GPU in bfloat16 with float32
parameters (PyTorch: autocast), and the tables name peak memory and the share of the chip's matrix
rate, which is measured beforehand.

Before anything is timed, the logits and the loss's gradients of both are compared on the same
weights.
"""

import argparse
import functools
import os
import statistics
import sys
from collections.abc import Callable
from typing import Any

from jaxvid import memory

if "--return-memory" not in sys.argv:
    memory.keep_freed()  # before JAX is loaded
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # the GPU is shared with PyTorch

import jax
import jax.numpy as jnp
import numpy as np
import pytorch  # noqa: F401  ends in one line where there is none
import sides
import torch
import torch_i3d

from jaxvid import config_files, counting, devices, optimizers
from jaxvid.network import forward, open_network
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
        config.data.num_frames, config.data.image_size = clips.shape[1:3]
        self.network = open_network(config, CLASSES)
        self.model = self.network.model
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
        variables = self.network.init(key)
        opt_state = self.optimizer.init(variables["params"])
        step = jnp.zeros((), jnp.int32)
        return TrainState(step, variables["params"], variables["batch_stats"], opt_state)

    def forward(self) -> np.ndarray:
        said = self._forward(self.state.variables, self.batch["clip"][:, None])
        return np.asarray(said["logits"])

    def flops(self, what: str) -> int:
        """Of convolutions and matrix products, counted as papers do, for the whole batch."""
        count = counting.forward_flops if what == "forward" else counting.training_flops
        return count(self.network) * len(self.batch["label"])

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


def check(system: str, ours: Ours, theirs: Theirs) -> None:
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
    losses = f"{float(value):.4f} and {float(loss.detach()):.4f}"
    print(f"{system}: losses {losses}, gradients {far:.3f} apart", flush=True)
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
    parser.add_argument("--return-memory", action="store_true")
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    shape = (arguments.batch, arguments.frames, arguments.size, arguments.size, 3)
    clips = rng.integers(0, 256, shape, np.uint8)
    labels = rng.integers(0, CLASSES, arguments.batch).astype(np.int32)
    systems = arguments.systems.split(",")
    kinds = ["eager"] if arguments.no_compiled else ["eager", "compiled"]
    runs: dict[str, Callable[[], Any]] = {}
    flops = {}
    for system in systems:
        ours = Ours(system, clips, labels)
        theirs = Theirs(ours, clips, labels)
        check(system, ours, theirs)
        for what in ("forward", "step"):
            runs[f"{system} {what} ours"] = getattr(ours, what)
            flops[f"{system} {what}"] = ours.flops(what)
            for kind in kinds:
                network = theirs.network if kind == "eager" else theirs.compiled
                runs[f"{system} {what} {kind}"] = functools.partial(getattr(theirs, what), network)
    seconds = sides.take_turns(runs, arguments.rounds, warm_up=1, calls=3)
    print(f"\n{_machine()}; clips {'x'.join(map(str, shape))}; {arguments.rounds} rounds\n")
    print(_times(systems, kinds, seconds))
    print(_across(systems, seconds))
    if ON_GPU:
        print(_on_the_chip(systems, seconds, flops))


def _times(systems: list[str], kinds: list[str], seconds: dict[str, list[float]]) -> str:
    header = ["milliseconds: median (lowest to highest)", "ours"]
    header += [f"PyTorch {kind}" for kind in kinds] + [f"PyTorch {kind} / ours" for kind in kinds]
    rows = []
    for system in systems:
        for what in ("forward", "step"):
            mine = seconds[f"{system} {what} ours"]
            theirs = [seconds[f"{system} {what} {kind}"] for kind in kinds]
            shown = [sides.milliseconds(each) for each in (mine, *theirs)]
            rows.append([f"{system} {what}", *shown, *(sides.ratio(each, mine) for each in theirs)])
    return sides.table(header, rows)


def _across(systems: list[str], seconds: dict[str, list[float]]) -> str:
    rows = []
    if {"i3d", "li3d"} <= set(systems):
        ours = {f"{s} {w}": seconds[f"{s} {w} ours"] for s in systems for w in ("forward", "step")}
        eager = seconds["i3d step eager"]
        rows = [
            ["PyTorch I3D / our LI3D, step", sides.ratio(eager, ours["li3d step"])],
            ["our LI3D / our I3D, forward", sides.ratio(ours["li3d forward"], ours["i3d forward"])],
            ["our LI3D / our I3D, step", sides.ratio(ours["li3d step"], ours["i3d step"])],
        ]
    return "\n" + sides.table(["across systems", "ratio"], rows) if rows else ""


def _on_the_chip(
    systems: list[str], seconds: dict[str, list[float]], flops: dict[str, float]
) -> str:
    side = 8192
    matrix = torch.randn(side, side, device=DEVICE, dtype=torch.bfloat16)

    def product() -> None:
        matrix @ matrix
        torch.cuda.synchronize()

    rate = 2 * side**3 / min(sides.take_turns({"product": product}, 10)["product"])
    rows = []
    for name in (f"{system} {what}" for system in systems for what in ("forward", "step")):
        reached = flops[name] / statistics.median(seconds[f"{name} ours"])
        rows.append([name, f"{reached / 1e12:.1f}", f"{reached / rate:.1%}"])
    peak = jax.devices()[0].memory_stats()["peak_bytes_in_use"] / 2**30
    return (
        f"\nmatrix rate {rate / 1e12:.0f} TFLOP/s (bfloat16, {side} squared); peak memory of all "
        f"systems: ours {peak:.1f} GiB, PyTorch {torch.cuda.max_memory_allocated() / 2**30:.1f}\n"
        + sides.table(["ours", "TFLOP/s", "share of the matrix rate"], rows)
    )


def _machine() -> str:
    kind = jax.devices()[0].device_kind
    return f"{kind}, {os.cpu_count()} cores; JAX {jax.__version__}, PyTorch {torch.__version__}"


if __name__ == "__main__":
    main()
