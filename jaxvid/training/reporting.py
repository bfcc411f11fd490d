"""What a training reports while it runs: metrics to the logs, progress to the terminal."""

import math
import time

import jax
from ml_collections import ConfigDict

from jaxvid.errors import UserError
from jaxvid.runtime.progress import Bar
from jaxvid.training.schedule import Schedule
from jaxvid.workdir import checkpoints
from jaxvid.workdir.metrics_log import Logs

TIMED_STEPS = 20  # that the shown rate is the mean of


class Report:
    """Checks the metrics of steps and evaluations, logs and shows them; without `logs` only checks.

    `writer`: of the run's checkpoints, the last of which is named where the training diverges.
    """

    def __init__(
        self,
        config: ConfigDict,
        schedule: Schedule,
        writer: checkpoints.Writer,
        logs: Logs | None,
        bar: Bar,
    ):
        self.config, self.schedule, self.writer = config, schedule, writer
        self.logs, self.bar = logs, bar
        self._times: list[float] = []
        self._shown = ""

    def step(self, step: int, metrics: dict[str, jax.Array]) -> None:
        """Reports a step. Raises UserError where its loss or its gradient is not finite."""
        train, schedule = self.config.train, self.schedule
        values = {name: float(value) for name, value in metrics.items()}
        self._check(step, values)
        self._times = [*self._times[-TIMED_STEPS:], time.monotonic()]
        self._shown = f"loss {values['loss']:.3f} accuracy {values['accuracy']:.2f}"
        if len(self._times) > 1:
            seconds = (self._times[-1] - self._times[0]) / (len(self._times) - 1)
            left = round(seconds * (schedule.steps - step))
            rate = train.batch_size / seconds
            self._shown += f" {rate:.1f} clips/s {left // 60}:{left % 60:02d} left"
        self.bar.advance(shown=self._shown)
        if step % train.log_every == 0 or step == schedule.steps:
            values["epoch"] = schedule.epoch(step)
            values["learning_rate"] = float(schedule.learning_rate(step - 1))
            self._log(step, values)

    def evaluation(self, step: int, split: str, accuracy: float, loss: float) -> None:
        """Reports the scores of a split under the state after a step."""
        values = {f"{split}_accuracy": accuracy, f"{split}_loss": loss}
        self._log(step, {**values, "epoch": self.schedule.epoch(step)})
        self.bar.line(f"{self._shown}; {split} accuracy {accuracy:.3f}")
        self._times = []  # the time of the evaluation is not the steps'

    def _check(self, step: int, values: dict[str, float]) -> None:
        if math.isfinite(values["loss"]) and math.isfinite(values["grad_norm"]):
            return
        self.writer.wait()
        saved = checkpoints.steps(self.writer.folder)
        raise UserError(
            f"training diverged: at step {step} the loss is {values['loss']}, the gradient's "
            f"norm {values['grad_norm']}; "
            + (f"step {saved[-1]} is saved" if saved else "nothing was saved yet")
            + f"; try a config.train.learning_rate below {self.config.train.learning_rate}, "
            "or clip_norm"
        )

    def _log(self, step: int, values: dict[str, float]) -> None:
        if self.logs is not None:
            self.logs.write(step, values)
