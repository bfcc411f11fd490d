import os
import re
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import local
import pytest

from jaxvid.errors import UserError

ROOT = Path(__file__).parents[2]
# Notes each start of a process.
COUNTING = """
with open(sys.argv[1], 'a') as file:
    file.write(f'{me}')
starts = open(sys.argv[1]).read().count(f'{me}')
"""


def test_a_run_that_says_so_is_started_again(run_local, tmp_path):
    code = COUNTING + "sys.exit(75 if starts < 3 else 0)"
    status, _, said = run_local(code, "2", "--restarts=5", str(tmp_path / "count"))
    assert status == 0
    assert said == "".join(
        f"the run ended with status 75; started again, {n} of at most 5 times\n" for n in (1, 2)
    )
    assert sorted((tmp_path / "count").read_text()) == ["0"] * 3 + ["1"] * 3


@pytest.mark.parametrize(
    ("status", "starts"), [(0, 1), (1, 1), (2, 1), (130, 1), (75, 3), (134, 3), (137, 3), (143, 3)]
)
def test_which_statuses_start_it_again(run_local, tmp_path, status, starts):
    code = COUNTING + f"sys.exit({status})"
    assert run_local(code, "1", "--restarts=2", str(tmp_path / "count"))[0] == status
    assert (tmp_path / "count").read_text() == "0" * starts


def test_what_a_process_finds_in_its_environment(run_local):
    code = """
names = ('JAX_PROCESS_ID', 'JAX_NUM_PROCESSES', 'JAX_COORDINATOR_ADDRESS', 'JAX_PLATFORMS')
print(*(os.environ[name] for name in names), os.getsid(0) == os.getpid(), sys.argv[1:])
"""
    status, printed, _ = run_local(code, "2", "--config=x", "--workdir", "a b", JAX_PLATFORMS="")
    assert status == 0
    form = r"\[(\d)\] \1 2 127\.0\.0\.1:(\d+) cpu True \['--config=x', '--workdir', 'a b'\]"
    found = [re.fullmatch(form, line) for line in printed.splitlines()]
    assert sorted(match[1] for match in found) == ["0", "1"]
    assert len({match[2] for match in found}) == 1


def test_wrong_arguments_of_the_main_program_are_said_by_each_process():
    command = [sys.executable, str(ROOT / "launch" / "local.py"), "2", "--config=not_there"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu"}
    ended = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert ended.returncode == 2
    lines = sorted(ended.stderr.splitlines())
    assert [line.partition("'not_there'")[0] for line in lines] == [
        f"[{n}] error: unknown config " for n in (0, 1)
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "arguments are required: N"),
        (["0"], "processes 0: must be at least 1"),
        (["--config=x"], "arguments are required: N"),
        (["2", "--restarts"], "--restarts: expected one argument"),
        (["2", "--restarts=-1"], "restarts -1: must be at least 0"),
        (["2", "--grace=nan"], "grace nan: must be at least 0"),
        (["2", "3"], "unrecognized arguments: 3"),
        (["2", "--config=x", "--restarts=3"], "--restarts=3: must stand before"),
    ],
)
def test_wrong_arguments_are_said_in_one_line(capsys, arguments, message):
    assert local.main(arguments, ["/not/started"]) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith("error: ")
    assert message in said


@pytest.fixture
def nvidia_smi(tmp_path: Path) -> Callable[[str], str]:
    """Writes a program of this name, and returns a PATH where it is found."""

    def write(script: str) -> str:
        file = tmp_path / "nvidia-smi"
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(file.stat().st_mode | stat.S_IXUSR)
        return f"{tmp_path}:/usr/bin:/bin"

    return write


@pytest.mark.parametrize(
    ("given", "taken"),
    [({}, ["GPU-a", "GPU-b"]), ({"CUDA_VISIBLE_DEVICES": "3, GPU-x,5"}, ["3", "GPU-x"])],
)
def test_each_process_takes_a_gpu(nvidia_smi, given, taken):
    path = nvidia_smi("echo GPU-a; echo GPU-b; echo GPU-c")
    devices = local.devices_for(2, False, {"PATH": path} | given)
    assert [device["CUDA_VISIBLE_DEVICES"] for device in devices] == taken
    assert {device["JAX_PLATFORMS"] for device in devices} == {"cuda,cpu"}
    assert local.devices_for(9, True, {"PATH": path} | given) == [{"JAX_PLATFORMS": "cpu"}] * 9


@pytest.mark.parametrize(
    "given", [{"CUDA_VISIBLE_DEVICES": ""}, {"CUDA_VISIBLE_DEVICES": "-1,0"}, {"PATH": "/nowhere"}]
)
def test_without_gpus_all_take_the_cpu(given, tmp_path, monkeypatch):
    monkeypatch.setattr(local, "DRIVER", tmp_path / "none")
    assert local.devices_for(2, False, given) == [{"JAX_PLATFORMS": "cpu"}] * 2


@pytest.mark.parametrize(
    ("script", "given", "message"),
    [
        ("echo GPU-a", {}, r"2 processes require 2 GPUs, and there are 1 \(GPU-a\)"),
        ("echo GPU-a", {"CUDA_VISIBLE_DEVICES": "7,-1,8"}, r"there are 1 \(7\)"),
        ("echo broken; exit 9", {}, r"nvidia-smi does not list the GPUs \(broken\): set CUDA_VIS"),
    ],
)
def test_too_few_gpus_are_an_error(nvidia_smi, script, given, message):
    with pytest.raises(UserError, match=message):
        local.devices_for(2, False, {"PATH": nvidia_smi(script)} | given)


def test_gpus_that_nothing_names_are_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(local, "DRIVER", tmp_path)
    with pytest.raises(UserError, match="no nvidia-smi that lists the GPUs"):
        local.devices_for(1, False, {"PATH": "/nowhere"})
