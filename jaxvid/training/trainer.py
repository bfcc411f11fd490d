"""Training: the loop, from the state that an earlier run left to the end."""

import functools
import math
import time
from collections.abc import Callable
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from jaxvid import pretrained
from jaxvid.data import pipeline
from jaxvid.errors import UserError
from jaxvid.evaluation.evaluate import Scorer
from jaxvid.experiment.experiment import Experiment
from jaxvid.runtime import devices, distributed
from jaxvid.runtime.progress import Bar
from jaxvid.training import cluster_init, optimizers
from jaxvid.training.profiler import Trace
from jaxvid.training.step import TrainState, train_step
from jaxvid.workdir import checkpoints
from jaxvid.workdir.metrics_log import Logs


class Trainer:
    """The training of an experiment in a workdir, from where an earlier run of it stopped.

    Raises UserError where the split to train on or the one to evaluate on has no usable video.
    """

    def __init__(self, experiment: Experiment, workdir: Path):
        config = experiment.config
        self.experiment, self.workdir, self.config = experiment, workdir, config
        self.clips = experiment.clips("train")
        experiment.clips(config.eval.split)
        self.steps_per_epoch = len(self.clips) / config.train.batch_size
        self.steps = max(1, round(config.train.epochs * self.steps_per_epoch))
        self.learning_rate = optimizers.schedule(config.train, self.steps, self.steps_per_epoch)
        frozen = config.train.freeze_backbone_epochs * self.steps_per_epoch
        self.frozen_steps = min(round(frozen), self.steps)
        self.optimizer = optimizers.build(config.train, self.learning_rate, self.frozen_steps)
        # An argument of the compiled functions, so that another seed need not compile them again.
        self.key = jax.random.key(config.seed)
        create = self._create  # one object, which JAX traces once
        shapes = jax.eval_shape(create, self.key)
        devices = experiment.devices
        self.layout = jax.tree.map(lambda _: devices.replicated, shapes).replace(
            params=devices.divided(shapes.params), opt_state=devices.divided(shapes.opt_state)
        )
        # The random numbers take longer to compile than to draw: optimisation would not pay.
        quickly = {"xla_backend_optimization_level": 0}
        self._new = jax.jit(create, out_shardings=self.layout, compiler_options=quickly)

    @property
    def _has_centers(self) -> bool:
        return self.config.train.center_loss > 0

    def _create(self, key: jax.Array) -> TrainState:
        variables = self.experiment.init(key)
        return TrainState(
            step=jnp.zeros((), jnp.int32),
            params=variables["params"],
            batch_stats=variables["batch_stats"],
            opt_state=self.optimizer.init(variables["params"]),
            centers=jnp.zeros(self.experiment.centers_shape) if self._has_centers else None,
        )

    def start(self) -> TrainState:
        """Returns the state to go on from, whichever is the first there is.

        1. The last whole checkpoint's. 2. A new one with the weights that config.init names.
        3. A new one with random weights. To both new ones clusters that start from data are fitted,
        unless the weights have them.
        """
        state = self._new(self.key)
        folder = self.workdir / "checkpoints"
        restored = checkpoints.restore(folder, state.trees)
        if restored is not None:
            _, trees = restored
            return TrainState(**trees["variables"], **trees["training"])
        fits = cluster_init.are_fitted(self.config.model)
        if self.config.init.source:
            names = self.experiment.dataset.class_names
            loaded = pretrained.load(self.config, self.experiment.shapes, names)
            if distributed.is_first():
                pretrained.write_account(loaded, self.config, self.workdir)
            print(pretrained.describe(loaded, self.config), flush=True)
            pretrained.warn_of_training(loaded)
            filled = pretrained.fill(state.variables, loaded)
            state = state.replace(
                params=jax.device_put(filled["params"], self.layout.params),
                batch_stats=jax.device_put(filled["batch_stats"], self.layout.batch_stats),
            )
            fits = fits and any(name.startswith("params/pooling/") for name in loaded.initial)
        if fits:
            file = self.workdir / "clusters.npz"
            fitted = cluster_init.starting_values(
                self.experiment, state.variables, self.clips, file
            )
            state = state.replace(params=jax.device_put(fitted, self.layout.params))
        return state

    def compile_step(
        self, frozen: bool = False
    ) -> Callable[[TrainState, dict[str, jax.Array], jax.Array], Any]:
        """Returns the jitted step. The state that goes in is used up."""
        step = functools.partial(
            train_step,
            self.experiment.model,
            self.optimizer,
            self.config.train,
            frozen=frozen,
            whole=self.experiment.devices.whole,
        )
        shardings = (self.layout, self.experiment.devices.replicated)
        return devices.jit(step, donate_argnums=0, out_shardings=shardings)

    def run(self, stop: Callable[[], bool] = lambda: False) -> TrainState | None:
        """Trains to the end and returns the state, or None where `stop` asked to leave before.

        `stop` is asked after every step and every batch of an evaluation; the state is saved before
        leaving. Raises UserError where the loss or the gradient is no longer finite; the
        checkpoints then hold the last good state.
        """
        state = self.start()
        trace = Trace(self.config.train, self.workdir, int(state.step), self.steps)
        if int(state.step) == self.steps:
            return state
        writer = checkpoints.Writer(self.workdir / "checkpoints", self.config.checkpoint.keep)
        with closing(writer), trace:
            return self._run(state, writer, trace, stop)

    def _run(
        self, state: TrainState, writer: checkpoints.Writer, trace: Trace, stop: Callable[[], bool]
    ) -> TrainState | None:
        config, first = self.config, int(state.step)
        batches = pipeline.train_batches(
            self.experiment.source,
            self.clips,
            self.experiment.clip_settings,
            config.train.batch_size,
            config.seed,
            first,
            self.steps,
            self.experiment.reading,
        )
        step_fn, put_batch = self.compile_step(), self.experiment.devices.put_batch
        # A program of its own, so that no time and memory goes into gradients that are not used.
        frozen_fn = self.compile_step(frozen=True) if self.frozen_steps else step_fn
        scorer = Scorer(self.experiment)
        if first:
            print(f"continues after step {first} of {self.steps}", flush=True)
        tells = distributed.is_first()
        with (
            Logs(self.workdir, first) if tells else nullcontext() as logs,
            Bar("training, step", self.steps, first, shown="compiling", quiet=not tells) as bar,
        ):
            report = _Report(self, writer, logs, bar)
            unread: tuple[int, dict[str, jax.Array]] | None = None
            for step in range(first + 1, self.steps + 1):
                if step == self.frozen_steps + 1 > 1:
                    bar.line("from here on the backbone is trained too")
                take = frozen_fn if step <= self.frozen_steps else step_fn
                trace.begin(step, state)
                state, metrics = take(state, put_batch(next(batches)), self.key)
                trace.end(step, state)
                # A step's metrics are read when the next one runs, so that the device never waits.
                if unread:
                    report.step(*unread)
                unread = (step, metrics)
                evaluates = self._is_due(step, config.train.eval_every)
                if not (evaluates or stop() or self._is_due(step, config.checkpoint.every)):
                    continue
                report.step(*unread)
                unread = None
                # A run that is asked to leave has no time to evaluate: that point is then missing.
                scores = scorer.score(state.variables, stop) if evaluates else None
                if scores:
                    report.evaluation(step, scores.accuracy, scores.loss)
                writer.save(step, state.trees, scores.accuracy if scores else None)
                if stop():
                    writer.wait()
                    return None
        return state

    def _is_due(self, step: int, epochs: float) -> bool:
        every = max(1, round(epochs * self.steps_per_epoch))
        return (epochs > 0 and step % every == 0) or step == self.steps


class _Report:
    """Tells of steps and evaluations: checks, logs, and shows them; without `logs` only checks."""

    def __init__(self, trainer: Trainer, writer: checkpoints.Writer, logs: Logs | None, bar: Bar):
        self.trainer, self.writer, self.logs, self.bar = trainer, writer, logs, bar
        self.timed: list[float] = []
        self.shown = ""

    def step(self, step: int, metrics: dict[str, jax.Array]) -> None:
        trainer, train = self.trainer, self.trainer.config.train
        values = {name: float(value) for name, value in metrics.items()}
        if not (math.isfinite(values["loss"]) and math.isfinite(values["grad_norm"])):
            self.writer.wait()
            saved = checkpoints.steps(self.writer.folder)
            raise UserError(
                f"training diverged: at step {step} the loss is {values['loss']}, the gradient's "
                f"norm {values['grad_norm']}; "
                + (f"step {saved[-1]} is saved" if saved else "nothing was saved yet")
                + f"; try a config.train.learning_rate below {train.learning_rate}, or clip_norm"
            )
        self.timed = [*self.timed[-20:], time.monotonic()]
        self.shown = f"loss {values['loss']:.3f} accuracy {values['accuracy']:.2f}"
        if len(self.timed) > 1:
            seconds = (self.timed[-1] - self.timed[0]) / (len(self.timed) - 1)
            left = round(seconds * (trainer.steps - step))
            rate = train.batch_size / seconds
            self.shown += f" {rate:.1f} clips/s {left // 60}:{left % 60:02d} left"
        self.bar.advance(shown=self.shown)
        if step % train.log_every == 0 or step == trainer.steps:
            values["epoch"] = step / trainer.steps_per_epoch
            values["learning_rate"] = float(trainer.learning_rate(step - 1))
            self._log(step, values)

    def evaluation(self, step: int, accuracy: float, loss: float) -> None:
        trainer = self.trainer
        split, epoch = trainer.config.eval.split, step / trainer.steps_per_epoch
        values = {f"{split}_accuracy": accuracy, f"{split}_loss": loss, "epoch": epoch}
        self._log(step, values)
        self.bar.line(f"{self.shown}; {split} accuracy {accuracy:.3f}")
        self.timed = []  # the time of the evaluation is not the steps'

    def _log(self, step: int, values: dict[str, float]) -> None:
        if self.logs is not None:
            self.logs.write(step, values)
