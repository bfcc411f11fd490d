import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import slurm_task
from statuses import runs_again

from jaxvid.cli import flags

ROOT = Path(__file__).parents[2]
LAUNCH = ROOT / "launch"
DEADLINE = 60.0  # seconds; only a hang meets it
ARRAY = {
    "SLURM_ARRAY_TASK_ID": "3",
    "SLURM_ARRAY_TASK_MIN": "1",
    "SLURM_ARRAY_TASK_MAX": "8",
    "SLURM_ARRAY_TASK_COUNT": "8",
}
# Notes its arguments and, as $DO says, ends, waits for the SIGTERM of its only task, or runs it.
SRUN = f"""#!{sys.executable}
import json, os, pathlib, signal, subprocess, sys
here, do = pathlib.Path(os.environ["HERE"]), os.environ["DO"]
(here / "srun").write_text(json.dumps(sys.argv[1:]))
if do == "wait":
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    (here / "task").write_text(str(os.getpid()))
    print("ready", flush=True)
    sys.exit(128 + signal.sigwait([signal.SIGTERM]))
if do == "run":  # beside one that is killed, as --kill-on-bad-exit does
    sys.exit(max(137, subprocess.run(sys.argv[3:]).returncode))
sys.exit(int(do))
"""
SCANCEL = """#!/bin/sh
echo "$*" >> "$HERE/scancel"
kill -TERM "$(cat "$HERE/task")"
"""
SCONTROL = """#!/bin/sh
echo "$*" >> "$HERE/scontrol"
"""
Start = Callable[..., subprocess.Popen]


@pytest.fixture
def start(stand_in, monkeypatch) -> Start:
    """Starts a batch script as SLURM would, with the stand-ins for its programs."""
    for name, script in (("srun", SRUN), ("scancel", SCANCEL), ("scontrol", SCONTROL)):
        stand_in(name, script)
    monkeypatch.setenv("SLURM_JOB_ID", "17")

    def start(script: str, do: str | int, *arguments: str, **environment: str) -> subprocess.Popen:
        return subprocess.Popen(
            ["bash", str(LAUNCH / script), *arguments],
            cwd=ROOT,
            env=os.environ | {"DO": str(do)} | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


@pytest.fixture
def run(start) -> Callable[..., tuple[int, str]]:
    """Runs a batch script to its end; returns the exit status and what it said."""

    def run(*arguments, **environment) -> tuple[int, str]:
        process = start(*arguments, **environment)
        _, said = process.communicate(timeout=DEADLINE)
        return process.returncode, said

    return run


def calls(folder: Path, program: str) -> list[str]:
    """Returns the arguments of each call of a stand-in."""
    file = folder / program
    return file.read_text().splitlines() if file.exists() else []


@pytest.mark.parametrize(
    ("ends", "status", "requeued"),
    [
        *((0, 0, False), (75, 75, True), (143, 143, True), (129, 129, True), (199, 199, True)),
        *((134, 134, True), (137, 137, True), (139, 139, True), (131, 131, True)),
        *((201, 1, False), (202, 2, False), (252, 130, False)),
        *((253, 137, False), (1, 1, False), (127, 127, False), (130, 130, False)),
    ],
)
def test_what_srun_ends_with_decides_whether_the_job_is_queued_again(
    run, tmp_path, ends, status, requeued
):
    assert run("slurm_train.sbatch", ends, "--config=x")[0] == status
    assert calls(tmp_path, "scontrol") == ["requeue 17"] * requeued
    assert calls(tmp_path, "scancel") == []
    if ends <= 200 and ends != 0:
        assert runs_again(ends) == requeued


def test_a_job_is_not_queued_again_for_ever(run, tmp_path):
    status, said = run("slurm_train.sbatch", 139, SLURM_RESTART_COUNT="4", MOST_REQUEUES="5")
    assert (status, calls(tmp_path, "scontrol")) == (139, ["requeue 17"])
    status, said = run("slurm_train.sbatch", 139, SLURM_RESTART_COUNT="5", MOST_REQUEUES="5")
    assert (status, calls(tmp_path, "scontrol")) == (139, ["requeue 17"])
    assert "was queued again 5 times, the most allowed" in said


@pytest.mark.parametrize(
    ("number", "requeued", "message"),
    [
        (signal.SIGUSR1, True, "the time limit is near; the run saves"),
        (signal.SIGTERM, False, "stopped by SIGTERM; the run saves"),
    ],
)
@pytest.mark.parametrize("script", ["slurm_train.sbatch", "slurm_prepare.sbatch"])
def test_a_signal_is_passed_to_the_tasks_and_waited_for(
    start, tmp_path, script, number, requeued, message
):
    process = start(script, "wait", "--config=x", **ARRAY)
    assert process.stdout.readline() == "ready\n"
    process.send_signal(number)
    _, said = process.communicate(timeout=DEADLINE)
    assert process.returncode == 143
    assert calls(tmp_path, "scancel") == ["--signal=TERM 17"]
    assert calls(tmp_path, "scontrol") == ["requeue 17"] * requeued
    assert f"slurm_step: {message}\n" in said


def test_one_task_with_wrong_input_is_not_hidden_by_those_that_are_killed(run, tmp_path):
    status, said = run("slurm_train.sbatch", "run", "--config=not_there")
    assert status == 2
    assert "error: unknown config 'not_there'" in said
    assert calls(tmp_path, "scontrol") == []


def test_each_task_is_one_of_the_runs_processes(run, tmp_path):
    run("slurm_train.sbatch", 0, "--config=configs/i3d.py", "--workdir", "a b")
    arguments = json.loads((tmp_path / "srun").read_text())
    assert arguments == [
        *("--kill-on-bad-exit=1", "--gpu-bind=none", "python", "launch/slurm_task.py"),
        *("--distributed", "--config=configs/i3d.py", "--workdir", "a b"),
    ]


@pytest.mark.parametrize(
    ("environment", "shard"),
    [
        ({}, "3/8"),
        ({"PARTS": "64", "SLURM_ARRAY_TASK_COUNT": "2", "SLURM_ARRAY_TASK_MAX": "12"}, "3/64"),
    ],
)
def test_each_task_of_the_array_prepares_its_part(run, tmp_path, monkeypatch, environment, shard):
    assert run("slurm_prepare.sbatch", 0, "--config=i3d", **(ARRAY | environment))[0] == 0
    arguments = json.loads((tmp_path / "srun").read_text())
    assert arguments[2:4] == ["python", "launch/slurm_task.py"]
    parsed = flags.parse([*arguments[4:]])
    assert (parsed.mode, parsed.config.data.part) == ("prepare", shard)


@pytest.mark.parametrize(
    "environment",
    [
        {"SLURM_ARRAY_TASK_COUNT": "2"},  # --array=1,8
        {"SLURM_ARRAY_TASK_MIN": "3", "SLURM_ARRAY_TASK_COUNT": "6"},
    ],
)
def test_how_many_parts_there_are_must_be_known(run, tmp_path, environment):
    status, said = run("slurm_prepare.sbatch", 0, **(ARRAY | environment))
    assert status == 2
    assert said == "error: the array is not 1-N: set PARTS=N, the number of all parts\n"
    assert not (tmp_path / "srun").exists()


@pytest.mark.parametrize("script", ["slurm_train.sbatch", "slurm_prepare.sbatch"])
def test_it_is_submitted_in_the_repositorys_root(tmp_path, script):
    ended = subprocess.run(
        ["bash", LAUNCH / script], cwd=tmp_path, env=os.environ | ARRAY, capture_output=True
    )
    assert ended.returncode == 2
    assert b"call sbatch in the repository's root" in ended.stderr


@pytest.mark.parametrize("script", ["slurm_train.sbatch", "slurm_prepare.sbatch"])
def test_what_is_asked_of_slurm_stands_before_the_first_command(script):
    lines = (LAUNCH / script).read_text().splitlines()
    first = next(n for n, line in enumerate(lines) if line and not line.startswith("#"))
    asked = [line for line in lines[:first] if line.startswith("#SBATCH ")]
    assert asked == [line for line in lines if "#SBATCH" in line]  # sbatch reads no others
    options = dict(line.removeprefix("#SBATCH --").partition("=")[::2] for line in asked)
    assert re.fullmatch(r"B:USR1@\d+", options["signal"])
    assert {"requeue", "time", "output"} <= options.keys()
    assert options["open-mode"] == "append"


def test_the_highest_status_tells_whether_to_run_again():
    for status in range(193):  # up to 128 + the highest signal
        raised = slurm_task.for_srun(status)
        if status and not runs_again(status):
            assert 192 < raised < 253, status  # 253 is srun's own
        else:
            assert raised == status
