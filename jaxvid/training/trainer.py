"""Training: the loop, from the state that an earlier run left to the end."""

import functools
from collections.abc import Callable
from contextlib import closing, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxvid.errors import UserError
from jaxvid.evaluation.evaluate import Scorer
from jaxvid.experiment import frozen_features, memory
from jaxvid.experiment.experiment import Experiment
from jaxvid.experiment.network import Network
from jaxvid.runtime import devices, distributed
from jaxvid.runtime.progress import Bar
from jaxvid.training import losses, optimizers, patience, start
from jaxvid.training.profiler import Trace
from jaxvid.training.reporting import Report
from jaxvid.training.schedule import Schedule
from jaxvid.training.step import TrainState, train_step
from jaxvid.workdir import checkpoints
from jaxvid.workdir.metrics_log import Logs


class Trainer:
    """The training of an experiment in a workdir, from where an earlier run of it stopped.

    `show` receives lines for the user; without it nothing is shown, no progress either. Raises
    UserError where the split to train on or the one to evaluate on has no usable video, and where
    the run has more steps behind it than its config has.
    """

    def __init__(
        self, experiment: Experiment, workdir: Path, show: Callable[[str], None] | None = None
    ):
        config = experiment.config
        self.experiment, self.workdir, self.config = experiment, workdir, config
        self.clips = experiment.data.clips("train")
        self.split = experiment.data.selection_split
        for split in (config.eval.split, self.split):
            experiment.data.clips(split)
        self._quiet = show is None
        self._show = show or (lambda _: None)
        self.schedule = Schedule.of(config.train, len(self.clips))
        self._check_epochs()
        self._weights = None  # of the classes in the loss
        if config.train.balance == "loss":
            labels = np.array([clip.label for clip in self.clips])
            classes = len(experiment.data.dataset.class_names)
            self._weights = losses.balancing_weights(labels, classes)
        self.optimizer = optimizers.build(config.train, self.schedule)
        # An argument of the compiled functions, so that another seed need not compile them again.
        self.key = jax.random.key(config.seed)
        # One object, which JAX traces once.
        self.head_only = self.schedule.frozen_steps == self.schedule.steps
        has_centers = config.train.center_loss > 0
        create = functools.partial(
            start.create, experiment.network, self.optimizer, has_centers, self.head_only
        )
        self.shapes = self._once("shapes", lambda: jax.eval_shape(create, self.key))
        self.layout = start.layout(experiment.network, self.shapes)
        # The random numbers take longer to compile than to draw: optimisation would not pay.
        quickly = {"xla_backend_optimization_level": 0}
        self._new = self._once(
            "new",
            lambda: jax.jit(create, out_shardings=self.layout, compiler_options=quickly),
        )

    def _once(self, what: str, make: Callable[[], Any], network: Network | None = None) -> Any:
        # The schedule is part of the programs.
        schedule = self.schedule.steps, self.schedule.steps_per_epoch
        key = what, repr(self.config.train), *schedule
        return (network or self.experiment.network).once(key, make)

    def _check_epochs(self) -> None:
        folder, schedule = self.workdir / "checkpoints", self.schedule

        def saved() -> int:
            some = any(step > schedule.steps for step in checkpoints.steps(folder))
            return (checkpoints.latest(folder) or 0) if some else 0

        if (step := distributed.from_primary(saved)) > schedule.steps:
            raise UserError(
                f"config.train.epochs={self.config.train.epochs}: the run in {self.workdir} has "
                f"trained for {schedule.epoch(step):.4g} epochs; it can go on to that or more"
            )

    def start(self, stop: Callable[[], object] = lambda: False) -> TrainState:
        """Returns the state to go on from, whichever is the first there is.

        1. The last whole checkpoint's. 2. A new one with the weights that config.init names. 3. A
        new one with random weights.
        """
        state = self._new(self.key)
        return start.restored(state, self.workdir) or start.initialized(
            *(state, self.experiment, self.workdir, self.clips, self._show),
            functools.partial(self.on_features, stop=stop),
        )

    def on_features(
        self, state: TrainState, stop: Callable[[], object] = lambda: False
    ) -> Experiment:
        """Returns the experiment of the frozen steps: on features, if the config keeps them.

        `stop`: that of `frozen_features.of`.
        """
        if self.config.train.feature_draws < 0:
            return self.experiment
        splits = dict.fromkeys((self.split, self.config.eval.split))
        scored = [clip for split in splits for clip in self.experiment.data.clips(split)]
        quiet = self._quiet or not distributed.is_primary()
        return frozen_features.of(self.experiment, state.variables, self.clips, scored, quiet, stop)

    def compile_step(
        self, frozen: bool = False, on_features: bool = False
    ) -> Callable[[TrainState, dict[str, jax.Array], jax.Array], Any]:
        """Returns the jitted step. The state that goes in is used up."""
        network = replace(self.experiment.network, on_features=on_features)
        step = functools.partial(
            train_step,
            network.applied,
            self.optimizer,
            self.config.train,
            frozen=frozen,
            head_only=self.head_only,
            whole=network.devices.whole,
        )
        shardings = (self.layout, network.devices.replicated)
        return self._once(
            f"step, frozen={frozen}",
            lambda: devices.jit(step, donate_argnums=0, out_shardings=shardings),
            network,
        )

    def run(self, stop: Callable[[], bool] = lambda: False) -> TrainState | None:
        """Trains to the end and returns the state, or None where `stop` ended it before.

        The end is the last step of the schedule, or the evaluation at which `train.patience` is
        over.

        `stop` is called after every step and every batch of an evaluation; the state is saved
        before leaving. Raises UserError where the loss or the gradient is no longer finite; the
        checkpoints then hold the last good state.
        """
        state = self.start(stop)
        first, last = int(state.step), self.schedule.steps
        trace = Trace(self.config.train, self.workdir, first, last, self._show)
        if first == last:
            return state
        measured = self._measured(first)
        if self._ends_early(measured):
            return state
        if first:
            self._show(f"continues after step {first} of {last}")
        is_primary = distributed.is_primary()
        quiet = self._quiet or not is_primary
        with (
            closing(self._writer()) as writer,
            trace,
            Logs(self.workdir, first) if is_primary else nullcontext() as logs,
            Bar("training, step", last, first, shown="compiling", quiet=quiet) as bar,
        ):
            report = Report(self.config, self.schedule, writer, logs, bar)
            with memory.naming(self.config, "train.batch_size"):
                return self._run(state, writer, trace, report, stop, measured)

    def _measured(self, last: int) -> dict[int, float]:
        def found() -> list[tuple[int, float]]:
            return list(patience.measured(self.workdir, self.split, last).items())

        return dict(distributed.from_primary(found))

    def _ends_early(self, measured: dict[int, float]) -> bool:
        schedule = self.schedule
        if not patience.is_over(measured, schedule, self.config.train.patience):
            return False
        last, best = max(measured), patience.best_step(measured)
        self._show(
            f"stopped early at epoch {schedule.epoch(last):.4g}: no better {self.split} accuracy "
            f"than {measured[best]:.3f} after epoch {schedule.epoch(best):.4g}"
        )
        return True

    def _writer(self) -> checkpoints.Writer:
        return checkpoints.Writer(self.workdir / "checkpoints", self.config.checkpoint.keep)

    def _phase(
        self, state: TrainState, done: int, stop: Callable[[], object]
    ) -> tuple[Experiment, Any, Scorer, Any]:
        """Returns what the steps after `done` steps work with, up to the end or a thaw.

        The experiment, the jitted step, a scorer, and the batches.
        """
        schedule = self.schedule
        frozen = done < schedule.frozen_steps
        experiment = self.on_features(state, stop) if frozen else self.experiment
        last = schedule.frozen_steps if frozen else schedule.steps
        scorer = Scorer(experiment)
        if self.config.eval.batch_size:  # one that cannot fit is refused now, not after an epoch
            scorer.batch_size(state.variables)
        # A program of its own, so that no time and memory goes into gradients that are not used.
        take = self.compile_step(frozen, experiment.network.on_features)
        return experiment, take, scorer, experiment.data.train_batches(self.clips, done, last)

    def _run(
        self,
        state: TrainState,
        writer: checkpoints.Writer,
        trace: Trace,
        report: Report,
        stop: Callable[[], bool],
        measured: dict[int, float],
    ) -> TrainState | None:
        config, schedule, first = self.config, self.schedule, int(state.step)
        put_batch = self.experiment.network.devices.put_batch
        experiment, take, scorer, batches = self._phase(state, first, stop)
        unread: tuple[int, dict[str, jax.Array]] | None = None

        def evaluated(step: int) -> float | None:
            # A run that is asked to leave has no time to evaluate: that point is then missing.
            scores = scorer.score(state.variables, stop, split=self.split)
            if scores is None:
                return None
            report.evaluation(step, self.split, scores.accuracy, scores.loss)
            measured[step] = scores.accuracy
            return scores.accuracy

        if config.train.patience and first and first not in measured:
            # The evaluation that an interruption cut short counts like any other.
            if schedule.is_due(first, config.train.eval_every):
                evaluated(first)
            if self._ends_early(measured):
                return state
        for step in range(first + 1, schedule.steps + 1):
            if step == schedule.frozen_steps + 1 > 1:
                report.bar.line("from here on the backbone is trained too")
                experiment, take, scorer, batches = self._phase(state, step - 1, stop)
            trace.begin(step, state)
            batch = next(batches)
            if self._weights is not None:
                batch["weight"] = self._weights[batch["label"]]
            batch = put_batch(batch)
            if step in (first + 1, schedule.frozen_steps + 1):
                memory.check_step(experiment.network, take, state, batch, self.key)
            state, metrics = take(state, batch, self.key)
            trace.end(step, state)
            # A step's metrics are read when the next one runs, so that the device never waits.
            if unread:
                report.step(*unread)
            unread = (step, metrics)
            evaluates = schedule.is_due(step, config.train.eval_every)
            if not (evaluates or stop() or schedule.is_due(step, config.checkpoint.every)):
                continue
            report.step(*unread)
            unread = None
            accuracy = evaluated(step) if evaluates else None
            writer.save(step, state.trees, accuracy)
            if step < schedule.steps and self._ends_early(measured):
                break
            if stop():
                writer.wait()
                return None
        return state
