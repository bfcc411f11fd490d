"""A system's forward pass and training step on given clips, as `jaxvid.training.step` takes it."""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from jaxvid.config import files as config_files
from jaxvid.experiment import flops
from jaxvid.experiment.network import forward, open_network
from jaxvid.runtime import devices
from jaxvid.training import optimizers
from jaxvid.training.schedule import Schedule
from jaxvid.training.step import TrainState, train_step

CLASSES = 101


def draw(batch: int, frames: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns random uint8 clips (B,T,H,W,3) and labels (B)."""
    rng = np.random.default_rng(0)
    clips = rng.integers(0, 256, (batch, frames, size, size, 3), np.uint8)
    return clips, rng.integers(0, CLASSES, batch).astype(np.int32)


class Ours:
    """A system at the papers' width, without dropout, on one batch; SGD with Nesterov momentum.

    The gradient is clipped at the norm that configs have by default.
    """

    def __init__(self, system: str, lowering: str, clips: np.ndarray, labels: np.ndarray):
        config = config_files.load(f"{system}:ucf101")
        config.model.lowering = lowering
        config.model.dropout = 0.0
        config.train.weight_decay = 0.0
        self.config = config
        config.data.num_frames, config.data.image_size = clips.shape[1:3]
        self.network = open_network(config, CLASSES)
        self.model = self.network.model
        self.optimizer = optimizers.build(config.train, Schedule(1, 1.0, 0, lambda step: 0.01))
        self.key = jax.random.key(0)
        self.batch = jax.device_put({"clip": clips, "label": labels})
        self.state = jax.jit(self._create)(self.key)
        step = functools.partial(train_step, self.model, self.optimizer, config.train)
        self.compiled = (
            devices.jit(step, donate_argnums=0).lower(self.state, self.batch, self.key).compile()
        )
        self._forward: Callable = devices.jit(functools.partial(forward, self.model))

    def _create(self, key: jax.Array) -> TrainState:
        variables = self.network.init(key)
        opt_state = self.optimizer.init(variables["params"])
        step = jnp.zeros((), jnp.int32)
        return TrainState(step, variables["params"], variables["batch_stats"], opt_state)

    def forward(self) -> np.ndarray:
        """Returns the logits (B, N)."""
        said = self._forward(self.state.variables, self.batch["clip"][:, None])
        return np.asarray(said["logits"])

    def step(self) -> float:
        """Takes a training step; returns the loss."""
        self.state, metrics = self.compiled(self.state, self.batch, self.key)
        return float(metrics["loss"])

    def flops(self, what: str) -> int:
        """Of convolutions and matrix products, counted as papers do, for the whole batch."""
        count = flops.forward_flops if what == "forward" else flops.training_flops
        return count(self.network) * len(self.batch["label"])

    @property
    def planned_bytes(self) -> int:
        """What the compiler plans for a training step: what goes in, and what is kept meanwhile."""
        plan = self.compiled.memory_analysis()
        return plan.temp_size_in_bytes + plan.argument_size_in_bytes
