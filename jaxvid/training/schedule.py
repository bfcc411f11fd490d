"""The schedule of a run: its steps, what is due at each, and the learning rate."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import optax
from ml_collections import ConfigDict


@dataclass(frozen=True)
class Schedule:
    """When a run does what. Steps are counted from 1; an epoch need not be a whole number of them.

    `frozen_steps`: the steps at the start that leave the backbone as it is. `learning_rate`: from
    the number of steps taken so far to the rate of the next one.
    """

    steps: int
    steps_per_epoch: float
    frozen_steps: int
    learning_rate: Callable[[int], float]

    @classmethod
    def of(cls, train: ConfigDict, clips: int) -> Self:
        """Returns the schedule of a config's `train` on a number of training clips."""
        per_epoch = clips / train.batch_size
        steps = max(1, round(train.epochs * per_epoch))
        frozen = min(round(train.freeze_backbone_epochs * per_epoch), steps)
        return cls(steps, per_epoch, frozen, learning_rate(train, steps, per_epoch))

    def epoch(self, step: int) -> float:
        """Returns the epochs that are complete after a step."""
        return step / self.steps_per_epoch

    def is_due(self, step: int, epochs: float) -> bool:
        """Whether a step ends a period of `epochs`, 0: none, or is the last one."""
        period = max(1, round(epochs * self.steps_per_epoch))
        return (epochs > 0 and step % period == 0) or step == self.steps


def learning_rate(train: ConfigDict, steps: int, steps_per_epoch: float) -> optax.Schedule:
    """Returns the learning rate of each step: a linear warm-up, then the decay that `train` names.

    Cosine decay to 0 (Loshchilov and Hutter 2017), steps by `step_factor` at `step_epochs`, or a
    constant rate.
    """
    warmup = round(train.warmup_epochs * steps_per_epoch)
    rate = train.learning_rate
    if train.schedule == "cosine":
        after = optax.cosine_decay_schedule(rate, max(1, steps - warmup))
    elif train.schedule == "step":
        boundaries = [round(epoch * steps_per_epoch) - warmup for epoch in train.step_epochs]
        after = optax.piecewise_constant_schedule(
            rate, {boundary: train.step_factor for boundary in boundaries}
        )
    else:
        after = optax.constant_schedule(rate)
    if not warmup:
        return after
    return optax.join_schedules([optax.linear_schedule(0.0, rate, warmup), after], [warmup])
