"""Time from a process's start to its first training step and to its first prediction.

    python tests/benchmarks/startup.py [--config=li3d_bilstm] [--rounds=3]
        [--parts=training,prediction,step] [--step=i3d] [--shape=4x16x112x112]

Each time is of a new process. Its compilation cache is cold, an empty folder, or warm, filled by
the process before; cold and warm ones take turns. The embedded dataset, five actors of it, is
rendered and prepared beforehand. Every row has the lowest, the median and the highest time of the
rounds, and the median of the CPU seconds, which tell more where others are at work on the machine.

First table: real commands. A step has finished when its line stands in metrics.jsonl, which is
looked at every 2 ms; the process is then told to stop, and what it saved serves the predictions. A
prediction is `--mode=predict` of one video: to its label on stdout, and to the process's end.
Second table: the training step of a network at the papers' width on clips of B x T x H x W, not
run: loading the libraries, tracing the initial state for its shapes, tracing the step, lowering it
to StableHLO, compiling (warm: reading the compiled program), and the three last together.
"""

import argparse
import json
import os
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sides

BEGAN = time.perf_counter(), time.process_time()
ACTORS, CLIPS_OF_ACTOR = 5, 2
GOALS = {"cold": "<= 30 s", "warm": "< 5 s"}  # of tracing, lowering and compiling the step
PHASES = ("load libraries", "shapes of the state", "trace", "lower", "compile")
CLASSES = 101

Seconds = tuple[float, float]  # that went by, and that the process took of the cores
Times = dict[tuple[str, str], list[Seconds]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", default="li3d_bilstm")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--parts", default="training,prediction,step")
    parser.add_argument("--step", default="i3d")
    parser.add_argument("--shape", default="4x16x112x112")
    parser.add_argument("--one", default="", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(_compile(arguments.step, arguments.shape, Path(arguments.one))))
        return
    parts = arguments.parts.split(",")
    with tempfile.TemporaryDirectory() as temporary:
        if "training" in parts or "prediction" in parts:
            times = _commands(arguments.config, arguments.rounds, parts, Path(temporary))
            print(f"\n{arguments.config}, seconds from the process's start\n")
            _show(("to", "cache"), times, {})
        if "step" in parts:
            times = _steps(arguments.step, arguments.shape, arguments.rounds, Path(temporary))
            print(f"\n{arguments.step} training step, {arguments.shape}, seconds\n")
            _show(
                ("phase", "cache"), times, {("trace, lower, compile", c): GOALS[c] for c in GOALS}
            )


def _commands(config: str, rounds: int, parts: list[str], folder: Path) -> Times:
    cache, times = folder / "cache", defaultdict(list)
    fields = {
        "data.cache": cache,
        "data.embedded.groups": ACTORS,
        "data.embedded.clips_per_group": CLIPS_OF_ACTOR,
        "train.log_every": 1,
        "train.eval_every": 0,
        "checkpoint.every": 0.001,  # of an epoch: each step is told of before the next one starts
    }
    command = [f"--config={config}", *(f"--config.{k}={v}" for k, v in fields.items())]
    with _started("--mode=prepare", *command) as process:
        process.communicate()
    video = str(min((cache / "embedded").rglob("*.avi")))
    workdir = folder / "run"
    for number in range(rounds):
        for kind in GOALS:
            if "training" not in parts and number + (kind == "warm"):
                break
            shutil.rmtree(workdir, ignore_errors=True)
            _set_cache(cache / "compiled", kind)
            times["first training step", kind].append(_first_step(workdir, command))
        for kind in GOALS if "prediction" in parts else ():
            _set_cache(cache / "compiled", kind)
            for name, seconds in _first_prediction(workdir, video).items():
                times[name, kind].append(seconds)
    return times


def _first_step(workdir: Path, command: list[str]) -> Seconds:
    """Returns the seconds to the first line of metrics, and stops the training there."""
    metrics = workdir / "metrics.jsonl"
    start = time.perf_counter()
    with _started(f"--workdir={workdir}", *command, status=128 + signal.SIGTERM) as process:
        while not (metrics.is_file() and metrics.stat().st_size) and process.poll() is None:
            time.sleep(0.002)
        seconds = time.perf_counter() - start, _cpu_seconds(process.pid)
        process.send_signal(signal.SIGTERM)
        process.communicate()
    return seconds


def _first_prediction(workdir: Path, video: str) -> dict[str, Seconds]:
    start, before = time.perf_counter(), _cpu_seconds_of_ended()
    with _started("--mode=predict", f"--workdir={workdir}", video) as process:
        process.stdout.readline()
        label = time.perf_counter() - start, _cpu_seconds(process.pid)
        process.communicate()
    end = time.perf_counter() - start, _cpu_seconds_of_ended() - before
    return {"first label": label, "end of --mode=predict": end}


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _cpu_seconds_of_ended() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


@contextmanager
def _started(*arguments: str, status: int = 0) -> Iterator[subprocess.Popen]:
    """Gives the process of a command; ends the benchmark where it does not exit as it should."""
    command = [sys.executable, "-m", "jaxvid.main", *arguments]
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
        yield process
        if process.returncode != status:
            errors.seek(0)
            sys.exit(f"{' '.join(command)}\nexited with {process.returncode}\n{errors.read()}")


def _set_cache(compiled: Path, kind: str) -> None:
    if kind == "cold":
        shutil.rmtree(compiled, ignore_errors=True)


def _steps(config: str, shape: str, rounds: int, folder: Path) -> Times:
    times: Times = defaultdict(list)
    given = [f"--step={config}", f"--shape={shape}", f"--one={folder / 'step'}"]
    for _ in range(rounds):
        for kind in GOALS:
            _set_cache(folder / "step", kind)
            ran = subprocess.run(
                [sys.executable, __file__, *given], stdout=subprocess.PIPE, text=True, check=True
            )
            taken = json.loads(ran.stdout.splitlines()[-1])
            for name in PHASES:
                times[name, kind].append(taken[name])
            wall, cpu = zip(*(taken[name] for name in PHASES[2:]), strict=True)
            times["trace, lower, compile", kind].append((sum(wall), sum(cpu)))
    return times


def _compile(config_name: str, shape: str, folder: Path) -> dict[str, Seconds]:
    """Compiles a training step in this process, and returns the seconds of each phase."""
    import functools

    import jax
    import jax.numpy as jnp

    from jaxvid import models
    from jaxvid.config import files as config_files
    from jaxvid.runtime import devices
    from jaxvid.training import optimizers
    from jaxvid.training.schedule import Schedule
    from jaxvid.training.step import TrainState, train_step

    def now() -> Seconds:
        return time.perf_counter(), time.process_time()

    marks = [BEGAN, now()]
    batch, *clip = map(int, shape.split("x"))
    devices.keep_compiled(folder)
    config = config_files.load(f"{config_name}:ucf101")
    model = models.build(config.model, CLASSES, devices.compute_dtype(config.train.dtype))
    optimizer = optimizers.build(config.train, Schedule.of(config.train, config.train.batch_size))
    key = jax.random.key(0)

    def create(key: jax.Array) -> TrainState:
        variables = model.init(key, jnp.zeros((1, *clip, 3)), train=False)
        opt_state = optimizer.init(variables["params"])
        step = jnp.zeros((), jnp.int32)
        return TrainState(step, variables["params"], variables["batch_stats"], opt_state)

    state = jax.eval_shape(create, key)
    clips = {
        "clip": jax.ShapeDtypeStruct((batch, *clip, 3), jnp.uint8),
        "label": jax.ShapeDtypeStruct((batch,), jnp.int32),
    }
    step = functools.partial(train_step, model, optimizer, config.train)
    jitted = devices.jit(step, donate_argnums=0)
    marks.append(now())
    traced = jitted.trace(state, clips, key)
    marks.append(now())
    lowered = traced.lower()
    marks.append(now())
    lowered.compile()
    marks.append(now())
    return {
        name: tuple(b - a for a, b in zip(*pair, strict=True))
        for name, *pair in zip(PHASES, marks, marks[1:], strict=False)
    }


def _show(header: tuple[str, str], times: Times, goals: dict[tuple[str, str], str]) -> None:
    rows = []
    for key, taken in times.items():
        wall, cpu = zip(*taken, strict=True)
        shown = (min(wall), statistics.median(wall), max(wall), statistics.median(cpu))
        rows.append((*key, *(f"{value:.2f}" for value in shown), goals.get(key, "")))
    columns = (*header, "lowest", "median", "highest", "CPU seconds", "goal")
    last = None if goals else -1
    print(sides.table(columns[:last], [row[:last] for row in rows]))


if __name__ == "__main__":
    main()
