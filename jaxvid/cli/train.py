"""Mode train: a run is trained or continued, evaluated and reported on."""

import functools
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from jaxvid import pretrained
from jaxvid.cli import evaluate
from jaxvid.cli.command import Command, keep_compiled, system
from jaxvid.runtime import distributed, files, joining
from jaxvid.runtime.signals import Signals
from jaxvid.workdir import layout as workdirs


def run(command: Command, signals: Signals) -> int:
    """Trains, evaluates and reports."""
    evaluate.check(command)
    workdirs.check(command.workdir, command.config)
    with joining.joined(command.distributed, signals):
        return _trained(command, signals)


def _trained(command: Command, signals: Signals) -> int:
    starts = distributed.from_primary(lambda: not (command.workdir / "checkpoints").is_dir())
    if starts:
        pretrained.check(command.config)
    keep_compiled(command.config)
    open_experiment, Trainer, _ = system(command.config)
    experiment = open_experiment(command.config, starts, trains=True)
    show = functools.partial(print, flush=True)
    show(experiment.describe())
    experiment.data.warn_of_classes()
    trainer = Trainer(experiment, command.workdir, show)
    stop = distributed.Agreement(lambda: signals.received)
    with _claimed(command, experiment, trainer), signals.deferred():
        trainer.run(stop)
        asked = stop.now()
    if asked:
        if distributed.is_primary():
            saved = f"stopped and saved in {command.workdir}"
            print(f"{saved}; the same command continues", file=sys.stderr)
        return 128 + asked
    return evaluate.score(command, experiment)


@contextmanager
def _claimed(command: Command, experiment: Any, trainer: Any) -> Iterator[None]:
    """Holds the workdir, for all processes of the run, once it is known to be of this config."""

    def claim() -> None:
        workdirs.claim(command.workdir, command.config, experiment.data.dataset, trainer.clips)

    with ExitStack() as held:
        if distributed.is_primary():
            held.enter_context(files.locked(command.workdir, waits=False))
        distributed.from_primary(claim)
        workdirs.check_shared(command.workdir)
        yield
