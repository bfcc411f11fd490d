"""A profile of some steps of a training: what the host and the devices did, and when."""

import logging
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import jax
from ml_collections import ConfigDict

from jaxvid.config.checks import profiled_steps
from jaxvid.runtime import distributed

logger = logging.getLogger(__name__)

FOLDER = "profile"  # of a workdir


class Trace:
    """Writes a trace of the steps that `train.profile_steps` names, to `profile/` of a workdir.

    A context manager around a loop over the steps `first + 1` to `last`, each taken between `begin`
    and `end`; leaving it before the last traced step closes the trace after those that were taken.
    The steps in it are whole: earlier work is waited for before it begins, and the last step before
    it ends. `show` receives the line that names the trace. Warns of named steps that the loop will
    not take. Of several processes only the first one is traced.
    """

    def __init__(
        self,
        train: ConfigDict,
        workdir: Path,
        first: int,
        last: int,
        show: Callable[[str], None] = lambda _: None,
    ):
        asked = profiled_steps(train.profile_steps) if distributed.is_primary() else range(0)
        self._folder, self._show = workdir / FOLDER, show
        self._steps = range(max(asked.start, first + 1), min(asked.stop, last + 1))
        self._taken: list[int] = []
        self._tracing, self._step = False, ExitStack()
        if len(self._steps) < len(asked):
            logger.warning(
                "config.train.profile_steps=%s: this run has %s to take, so %s",
                train.profile_steps,
                f"steps {first + 1} to {last}" if first < last else "no step",
                f"the trace has {_named(self._steps)}" if self._steps else "there is no trace",
            )

    def __enter__(self) -> "Trace":
        return self

    def begin(self, step: int, state: Any) -> None:
        """Begins a step, from the state that it starts from."""
        if step not in self._steps:
            return
        if not self._tracing:
            jax.block_until_ready(state)
            # Perfetto's form besides: it opens in a browser, with nothing to install.
            jax.profiler.start_trace(self._folder, create_perfetto_trace=True)
            self._tracing = True
        self._step.enter_context(jax.profiler.StepTraceAnnotation("train", step_num=step))

    def end(self, step: int, state: Any) -> None:
        """Ends a step, with the state that it leads to."""
        if not self._tracing:
            return
        if step == self._steps[-1]:
            jax.block_until_ready(state)
        self._step.close()
        self._taken.append(step)
        if step == self._steps[-1]:
            self._close()

    def __exit__(self, *_: Any) -> None:
        self._step.close()
        if self._tracing:
            self._close()

    def _close(self) -> None:
        self._tracing = False
        jax.profiler.stop_trace()
        if self._taken:
            self._show(
                f"the trace of {_named(self._taken)} is in {self._folder}: its "
                "perfetto_trace.json.gz opens at https://ui.perfetto.dev, all of it with "
                f"`pip install tensorboard xprof` and `tensorboard --logdir={self._folder}`"
            )


def _named(steps: range | list[int]) -> str:
    return f"step {steps[0]}" if len(steps) == 1 else f"steps {steps[0]} to {steps[-1]}"
