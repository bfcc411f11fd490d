"""Runs of the command line, in one process or several, to strike at a moment and continue."""

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import short

from jaxvid.runtime import files
from jaxvid.workdir.checkpoints import HALF
from jaxvid.workdir.metrics_log import read_metrics
from jaxvid.workdir.results import RESULTS

DEADLINE = 300.0  # seconds; only a hang meets it
FLAGS = "--xla_backend_optimization_level=1"  # quick to compile, and not slow to run
Moment = Callable[[], bool]


class Watched:
    """What is to be seen in the workdir of a run, while it goes on and after it."""

    workdir: Path

    def losses(self) -> dict[int, float]:
        lines = read_metrics(self.workdir)
        return {line["step"]: line["loss"] for line in lines if "loss" in line}

    def reached(self, step: int) -> Moment:
        return lambda: any(line["step"] >= step for line in read_metrics(self.workdir))

    def saving(self, step: int) -> Moment:
        """True while a checkpoint of at least this step is half written."""

        def moment() -> bool:
            folder = self.workdir / "checkpoints"
            halves = folder.glob(f"*{HALF}*") if folder.is_dir() else ()
            return any(int(half.name.split(".")[0]) >= step for half in halves)

        return moment


def start(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    output: Path,
    before: Sequence[str] = (),
) -> subprocess.Popen:
    """Starts the command line in a process that prints to a file; `before`: what runs it."""
    command = [*before, sys.executable, "-c", short.PROGRAM, *arguments]
    with output.open("w") as file:
        return subprocess.Popen(command, stdout=file, stderr=file, env=environment)


@dataclass
class Started:
    """The processes of a job, each of which prints to a file."""

    processes: list[Any]
    job: "Job"

    @property
    def printed(self) -> str:
        return self.job.printed

    def running(self) -> bool:
        return all(process.poll() is None for process in self.processes)

    def wait(self) -> list[int]:
        """Returns their exit statuses once all have ended; kills them where they hang."""
        deadline = time.monotonic() + DEADLINE
        try:
            return [p.wait(max(0.0, deadline - time.monotonic())) for p in self.processes]
        finally:
            for process in self.processes:
                process.kill()


@dataclass
class Job(Watched):
    """A command line of `python -m jaxvid.main` that `count` processes share."""

    arguments: Sequence[str]
    workdir: Path
    count: int = 1
    devices: int = 1  # simulated, of each process
    environment: dict[str, str] = field(default_factory=dict)
    starts: Callable[..., Any] = start  # a process, as Popen

    def start(self) -> Started:
        flags = f"{FLAGS} --xla_force_host_platform_device_count={self.devices}"
        together = ["--distributed"] if self.count > 1 else []
        arguments = [*together, *self.arguments]
        address = f"127.0.0.1:{_free_port()}"
        started = Started([], self)
        for i in range(self.count):
            environment = os.environ | {
                "XLA_FLAGS": flags,
                "JAX_PLATFORMS": "cpu",
                "JAX_COORDINATOR_ADDRESS": address,
                "JAX_NUM_PROCESSES": str(self.count),
                "JAX_PROCESS_ID": str(i),
                **self.environment,
            }
            started.processes.append(self.starts(arguments, environment, self._output(i)))
        return started

    def _output(self, index: int) -> Path:
        return self.workdir.with_name(f"{self.workdir.name}.{index}.txt")

    @property
    def printed(self) -> str:
        """What its processes have printed, one after the other."""
        files = map(self._output, range(self.count))
        return "".join(file.read_text(errors="replace") for file in files)

    def finish(self) -> str:
        """Runs it to its end; returns what it printed."""
        started = self.start()
        statuses = started.wait()
        assert not any(statuses), (statuses, started.printed)
        return started.printed

    def finish_once(self) -> None:
        """Runs it to its end, unless another process has."""
        with files.locked(self.workdir.with_name(f"{self.workdir.name}.once"), waits=True):
            if not (self.workdir / RESULTS).is_file():
                self.finish()

    def strike(
        self, number: int, moment: Moment, victims: Sequence[int] | None = None
    ) -> tuple[list[int], str]:
        """Sends a signal to some processes, or to all, at a moment.

        Returns the exit statuses, below 0 where a signal killed a process, and what was printed.
        """
        started = self.start()
        deadline = time.monotonic() + DEADLINE
        while not moment() and started.running() and time.monotonic() < deadline:
            time.sleep(0.002)
        for i in range(self.count) if victims is None else victims:
            started.processes[i].send_signal(number)
        return started.wait(), started.printed


def later(moment: Moment, seconds: float) -> Moment:
    """Returns the moment that comes some seconds after another one."""
    since: list[float] = []

    def passed() -> bool:
        if not since and moment():
            since.append(time.monotonic())
        return bool(since) and time.monotonic() - since[0] >= seconds

    return passed


def statuses_are_right(number: int, statuses: Sequence[int], victims: Sequence[int]) -> bool:
    """Says whether every process ended as it should after a signal to the victims.

    It may also have been done before.
    """
    if number == signal.SIGTERM:
        return set(statuses) <= {0, 128 + signal.SIGTERM, -signal.SIGTERM}
    others = {status for i, status in enumerate(statuses) if i not in victims}
    return others <= {0, 75} and {statuses[i] for i in victims} <= {0, -signal.SIGKILL}


def pick(rng: random.Random, count: int) -> tuple[int, list[int]]:
    """Returns a random signal and its victims: SIGKILL of one or of all, SIGTERM of one or all."""
    number = rng.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM])
    everyone = list(range(count))
    return number, everyone if rng.random() < 0.5 else [rng.choice(everyone)]


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]
