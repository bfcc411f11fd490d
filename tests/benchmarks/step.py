"""Forward passes and training steps side by side with the same networks in PyTorch.

    python tests/benchmarks/step.py [--systems=i3d,li3d,li3d_bilstm] [--batch=4] [--frames=16]
        [--size=112] [--rounds=9] [--lowerings=native] [--no-compiled]
    python tests/benchmarks/step.py --batch=16 --frames=64 --size=224 --rounds=5  # on a GPU

I3D, LI3D and LI3D-BiLSTM at the papers' width on random uint8 clips, 101 classes; a training step
is forward, backward, clipping by the gradient's norm, and SGD with Nesterov momentum. Ours is
`jaxvid.training.step`, PyTorch's `torch_i3d.py`, channels-last-3d, eager and compiled. All take
turns in one process, so that a slow minute of the machine slows them all; a turn is three calls, as
steps follow each other in a training, and the mean of the last two counts. A ratio is taken within
each round, and above 1 ours is the faster. `--lowerings` adds sides of ours, whose convolutions are
not those that the models take by themselves. On a CPU all computes in float32; on a GPU in bfloat16
with float32 parameters (PyTorch: autocast, and cuDNN's search for the fastest algorithm), and a
table more has clips per second, the share of the chip's matrix rate, which is measured for it, and
the memory of a step: ours as the compiler plans it, PyTorch's as its allocator counts it.

Before anything is timed, all sides' logits and the loss's gradients, ours and PyTorch's, are
compared on the same weights.
"""

import argparse
import functools
import os
import statistics
from collections.abc import Callable
from typing import Any

os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # the GPU is shared with PyTorch

import jax
import jax.numpy as jnp
import numpy as np
import our_step
import pytorch  # noqa: F401  ends in one line where there is none
import sides
import torch
import torch_i3d
from our_step import CLASSES, Ours

from jaxvid import models
from jaxvid.runtime import devices

ON_GPU = jax.default_backend() == "gpu"
DEVICE = "cuda" if ON_GPU else "cpu"
torch.backends.cudnn.benchmark = True
OURS = "ours"
Pass = tuple[str, str, str]  # system, forward or step, side


class Theirs:
    def __init__(self, ours: Ours, clips: np.ndarray, labels: np.ndarray):
        params = jax.device_get(ours.state.params)
        self.network = torch_i3d.build(ours.config.model, CLASSES, params)
        self.network.to(DEVICE, memory_format=torch.channels_last_3d)
        channels_first = torch.from_numpy(np.moveaxis(clips, -1, 1))
        self.clips = channels_first.to(DEVICE, memory_format=torch.channels_last_3d)
        self.labels = torch.from_numpy(labels).long().to(DEVICE)
        self.parameters = [p for p in self.network.parameters() if p.requires_grad]
        self.optimizer = torch.optim.SGD(self.parameters, lr=0.01, momentum=0.9, nesterov=True)
        self.clip_norm = ours.config.train.clip_norm
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
        torch.nn.utils.clip_grad_norm_(self.parameters, self.clip_norm)
        self.optimizer.step()
        return loss.item()


def check(system: str, mine: dict[str, Ours], theirs: Theirs) -> None:
    """Raises AssertionError where they are not the same network."""
    tolerance = 0.05 if ON_GPU else 1e-3
    expected = theirs.forward(theirs.network)
    for each in mine.values():
        atol = tolerance * np.abs(expected).max()
        np.testing.assert_allclose(each.forward(), expected, rtol=0, atol=atol)
    ours = mine[OURS]
    params = jax.device_get(ours.state.params)
    theirs.network.train()
    loss = theirs._loss(theirs.network)
    loss.backward()
    said = [np.ravel(g) for g in torch_i3d.gradients(theirs.network, params)]
    theirs.optimizer.zero_grad(set_to_none=True)

    def loss_of(params: Any) -> jax.Array:
        variables = {"params": params, "batch_stats": ours.state.batch_stats}
        clips = models.normalize(ours.batch["clip"])
        outputs, _ = ours.model.apply(variables, clips, train=True, mutable=["batch_stats"])
        labels = ours.batch["label"]
        return -jnp.take_along_axis(jax.nn.log_softmax(outputs.logits), labels[:, None], 1).mean()

    value, gradient = devices.jit(jax.value_and_grad(loss_of))(params)
    ravelled = np.concatenate([np.ravel(g) for g in jax.tree.leaves(gradient)])
    far = np.linalg.norm(ravelled - np.concatenate(said)) / np.linalg.norm(ravelled)
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
    parser.add_argument("--lowerings", default="")
    parser.add_argument("--no-compiled", action="store_true")
    arguments = parser.parse_args()
    clips, labels = our_step.draw(arguments.batch, arguments.frames, arguments.size)
    systems = arguments.systems.split(",")
    lowerings = {OURS: "auto"}
    lowerings |= {f"ours, {each}": each for each in arguments.lowerings.split(",") if each}
    kinds = ["eager"] if arguments.no_compiled else ["eager", "compiled"]
    works: dict[Pass, Callable[[], Any]] = {}
    flops, bytes_ = {}, {}
    for system in systems:
        mine = {side: Ours(system, each, clips, labels) for side, each in lowerings.items()}
        for side, ours in mine.items():
            for what in ("forward", "step"):
                works[system, what, side] = getattr(ours, what)
            bytes_[system, "step", side] = ours.planned_bytes
        if ON_GPU:
            flops |= {(system, what): mine[OURS].flops(what) for what in ("forward", "step")}
        theirs = Theirs(mine[OURS], clips, labels)
        check(system, mine, theirs)
        for kind in kinds:
            network = theirs.network if kind == "eager" else theirs.compiled
            for what in ("forward", "step"):
                work = functools.partial(getattr(theirs, what), network)
                works[system, what, f"PyTorch {kind}"] = work
            if ON_GPU:
                bytes_[system, "step", f"PyTorch {kind}"] = _taken(work)
    seconds = sides.take_turns(works, arguments.rounds, warm_up=1, calls=3)
    shape = "x".join(map(str, clips.shape))
    print(f"\n{_machine()}; clips {shape}; {arguments.rounds} rounds\n")
    print(_times(seconds))
    print(_across(seconds))
    if ON_GPU:
        print(_on_the_chip(seconds, arguments.batch, flops, bytes_))


def _taken(step: Callable[[], Any]) -> int:
    """Returns the bytes that PyTorch has at most in a step, after one that it compiles in."""
    step()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    step()
    return torch.cuda.max_memory_allocated() - before


def _times(seconds: dict[Pass, list[float]]) -> str:
    names = list(dict.fromkeys(side for *_, side in seconds))
    others = [name for name in names if name != OURS]
    header = ["milliseconds: median (lowest to highest)", *names]
    rows = []
    for system, what in dict.fromkeys(key[:2] for key in seconds):
        taken = {side: seconds[system, what, side] for side in names}
        shown = [sides.milliseconds(taken[side]) for side in names]
        ratios = [sides.ratio(taken[side], taken[OURS]) for side in others]
        rows.append([f"{system} {what}", *shown, *ratios])
    return sides.table([*header, *(f"{side} / ours" for side in others)], rows)


def _across(seconds: dict[Pass, list[float]]) -> str:
    if not {("i3d", "step", OURS), ("li3d", "step", OURS)} <= set(seconds):
        return ""
    eager = seconds["i3d", "step", "PyTorch eager"]
    rows = [["PyTorch I3D / our LI3D, step", sides.ratio(eager, seconds["li3d", "step", OURS])]]
    for what in ("forward", "step"):
        li3d, i3d = (seconds[system, what, OURS] for system in ("li3d", "i3d"))
        rows.append([f"our LI3D / our I3D, {what}", sides.ratio(li3d, i3d)])
    return "\n" + sides.table(["across systems", "ratio"], rows)


def _on_the_chip(
    seconds: dict[Pass, list[float]],
    batch: int,
    flops: dict[tuple[str, str], int],
    bytes_: dict[Pass, int],
) -> str:
    side = 8192
    matrix = torch.randn(side, side, device=DEVICE, dtype=torch.bfloat16)

    def product() -> None:
        matrix @ matrix
        torch.cuda.synchronize()

    rate = 2 * side**3 / min(sides.take_turns({"product": product}, 10)["product"])
    rows = []
    for key in seconds:
        median = statistics.median(seconds[key])
        reached = flops[key[:2]] / median
        memory_ = f"{bytes_[key] / 2**30:.1f}" if key in bytes_ else ""
        name = f"{key[0]} {key[1]}, {key[2]}"
        shown = f"{reached / 1e12:.0f}", f"{reached / rate:.1%}"
        rows.append([name, f"{batch / median:.0f}", *shown, memory_])
    header = ["", "clips/s", "TFLOP/s", "share of the matrix rate", "GiB"]
    about = f"matrix rate {rate / 1e12:.0f} TFLOP/s (bfloat16, {side} squared)"
    return f"\n{about}\n\n" + sides.table(header, rows)


def _machine() -> str:
    kind = jax.devices()[0].device_kind
    return f"{kind}, {os.cpu_count()} cores; JAX {jax.__version__}, PyTorch {torch.__version__}"


if __name__ == "__main__":
    main()
