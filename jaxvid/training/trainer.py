"""Training: the loop, from the state that an earlier run left to the end."""

import functools
from collections.abc import Callable
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Any

import jax

from jaxvid.evaluation.evaluate import Scorer
from jaxvid.experiment import memory
from jaxvid.experiment.experiment import Experiment
from jaxvid.runtime import devices, distributed
from jaxvid.runtime.progress import Bar
from jaxvid.training import optimizers, start
from jaxvid.training.profiler import Trace
from jaxvid.training.reporting import Report
from jaxvid.training.schedule import Schedule
from jaxvid.training.step import TrainState, train_step
from jaxvid.workdir import checkpoints
from jaxvid.workdir.metrics_log import Logs


class Trainer:
    """The training of an experiment in a workdir, from where an earlier run of it stopped.

    `show` receives lines for the user; without it nothing is shown, no progress either. Raises
    UserError where the split to train on or the one to evaluate on has no usable video.
    """

    def __init__(
        self, experiment: Experiment, workdir: Path, show: Callable[[str], None] | None = None
    ):
        config = experiment.config
        self.experiment, self.workdir, self.config = experiment, workdir, config
        self.clips = experiment.data.clips("train")
        experiment.data.clips(config.eval.split)
        self._quiet = show is None
        self._show = show or (lambda _: None)
        self.schedule = Schedule.of(config.train, len(self.clips))
        self.optimizer = optimizers.build(config.train, self.schedule)
        # An argument of the compiled functions, so that another seed need not compile them again.
        self.key = jax.random.key(config.seed)
        # One object, which JAX traces once.
        create = functools.partial(
            start.create, experiment.network, self.optimizer, config.train.center_loss > 0
        )
        self.shapes = jax.eval_shape(create, self.key)
        self.layout = start.layout(experiment.network, self.shapes)
        # The random numbers take longer to compile than to draw: optimisation would not pay.
        quickly = {"xla_backend_optimization_level": 0}
        self._new = jax.jit(create, out_shardings=self.layout, compiler_options=quickly)

    def start(self) -> TrainState:
        """Returns the state to go on from, whichever is the first there is.

        1. The last whole checkpoint's. 2. A new one with the weights that config.init names. 3. A
        new one with random weights.
        """
        state = self._new(self.key)
        return start.restored(state, self.workdir) or start.initialized(
            state, self.experiment, self.workdir, self.clips, self._show
        )

    def compile_step(
        self, frozen: bool = False
    ) -> Callable[[TrainState, dict[str, jax.Array], jax.Array], Any]:
        """Returns the jitted step. The state that goes in is used up."""
        network = self.experiment.network
        step = functools.partial(
            train_step,
            network.model,
            self.optimizer,
            self.config.train,
            frozen=frozen,
            whole=network.devices.whole,
        )
        shardings = (self.layout, network.devices.replicated)
        return devices.jit(step, donate_argnums=0, out_shardings=shardings)

    def run(self, stop: Callable[[], bool] = lambda: False) -> TrainState | None:
        """Trains to the end and returns the state, or None where `stop` ended it before.

        `stop` is called after every step and every batch of an evaluation; the state is saved
        before leaving. Raises UserError where the loss or the gradient is no longer finite; the
        checkpoints then hold the last good state.
        """
        state = self.start()
        first, last = int(state.step), self.schedule.steps
        trace = Trace(self.config.train, self.workdir, first, last, self._show)
        if first == last:
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
                return self._run(state, writer, trace, report, stop)

    def _writer(self) -> checkpoints.Writer:
        return checkpoints.Writer(self.workdir / "checkpoints", self.config.checkpoint.keep)

    def _run(
        self,
        state: TrainState,
        writer: checkpoints.Writer,
        trace: Trace,
        report: Report,
        stop: Callable[[], bool],
    ) -> TrainState | None:
        config, schedule, first = self.config, self.schedule, int(state.step)
        batches = self.experiment.data.train_batches(self.clips, first, schedule.steps)
        step_fn, put_batch = self.compile_step(), self.experiment.network.devices.put_batch
        # A program of its own, so that no time and memory goes into gradients that are not used.
        frozen_fn = self.compile_step(frozen=True) if schedule.frozen_steps else step_fn
        scorer = Scorer(self.experiment)
        if config.eval.batch_size:  # one that cannot fit is refused now, not after an epoch
            scorer.batch_size(state.variables)
        unread: tuple[int, dict[str, jax.Array]] | None = None
        for step in range(first + 1, schedule.steps + 1):
            if step == schedule.frozen_steps + 1 > 1:
                report.bar.line("from here on the backbone is trained too")
            take = frozen_fn if step <= schedule.frozen_steps else step_fn
            trace.begin(step, state)
            batch = put_batch(next(batches))
            if step in (first + 1, schedule.frozen_steps + 1):
                memory.check_step(self.experiment.network, take, state, batch, self.key)
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
            # A run that is asked to leave has no time to evaluate: that point is then missing.
            scores = scorer.score(state.variables, stop) if evaluates else None
            if scores:
                report.evaluation(step, scores.accuracy, scores.loss)
            writer.save(step, state.trees, scores.accuracy if scores else None)
            if stop():
                writer.wait()
                return None
        return state
