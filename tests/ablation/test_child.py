import csv
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from jaxvid.ablation.tables import TABLES, Row, Run, Table
from jaxvid.cli import ablate

ROOT = Path(__file__).parents[2]
SLOW_ROW = """
import os, signal, sys
pipe = os.open(sys.argv[1], os.O_WRONLY)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT, signal.SIGTERM])
os.write(pipe, f"{os.getpgrp() == os.getpid()}".encode())
number = signal.sigwait([signal.SIGINT, signal.SIGTERM])
os.write(pipe, f"{int(number)}".encode())
sys.exit(128 + number)
"""


def test_the_main_program_reports_an_invalid_config(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setitem(TABLES, "X", Table("X", "", (), (Row("one", Run("not_there")),)))
    handlers = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        assert ablate.main(["X", f"--output={tmp_path}"]) == 1
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    with (tmp_path / "X.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["state"].startswith("failed: unknown config 'not_there': ")
    assert row["state"].endswith("(exit status 2)")
    assert row["command"].startswith("python -m jaxvid.main --config=not_there:embedded ")
    log = (tmp_path / "not_there.log").read_text()
    assert "-m jaxvid.main --config=not_there:embedded" in log


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_reaches_the_row_at_work_and_its_status_comes_back(tmp_path, number):
    pipe, out = tmp_path / "pipe", tmp_path / "out"
    os.mkfifo(pipe)
    program = [sys.executable, "-c", SLOW_ROW, str(pipe)]
    start = f"import sys, ablate; sys.exit(ablate.main(sys.argv[1:], {program!r}))"
    runner = subprocess.Popen(
        [sys.executable, "-c", start, "A1", f"--output={out}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join((str(ROOT / "launch"), str(ROOT)))},
        start_new_session=True,
    )
    told = os.open(pipe, os.O_RDWR)  # so that nothing hangs where the row does not come to speak
    try:
        assert select.select([told], [], [], 60)[0]
        assert os.read(told, 100) == b"True"  # alone in its group: it gets a Ctrl-C once
        os.killpg(runner.pid, number)  # as a terminal does
        assert select.select([told], [], [], 60)[0]
        assert os.read(told, 100) == f"{int(number)}".encode()
        printed, said = runner.communicate(timeout=60)
    finally:
        os.close(told)
        runner.terminate()
        runner.wait(60)
    assert runner.returncode == 128 + number, said
    assert said == "stopped; the same command continues\n"
    assert "[1/2] i3d-augment=false-eval.crop=whole (A1 I3D) from " in printed
    assert "[2/2]" not in printed
    with (out / "A1.csv").open(newline="") as file:
        assert [row["state"] for row in csv.DictReader(file)] == ["not finished"] * 2
