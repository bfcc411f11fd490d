import os
import re
import select
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import local
import pytest
from stop_signals import StopSignals
from together import Program, Together

from jaxvid.errors import UserError

ROOT = Path(__file__).parents[2]
DEADLINE = 60.0  # seconds; only a hang meets it
START = "import os, signal, sys, time; me = int(os.environ['JAX_PROCESS_ID'])\n"
# Waits for two signals, and tells each.
TWO_SIGNALS = """
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT, signal.SIGTERM])
print('ready')
first = signal.sigwait([signal.SIGINT, signal.SIGTERM])
print('first', int(first))
second = signal.sigwait([signal.SIGINT, signal.SIGTERM])
print('second', int(second))
sys.exit(128 + second)
"""


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen]]:
    """Starts local.py on a program of Python in place of jaxvid's main one."""
    started = []

    def start(code: str, *arguments: str, **changes: str) -> subprocess.Popen:
        program = [sys.executable, "-c", START + code]
        run = f"import sys, local; sys.exit(local.main(sys.argv[1:], {program!r}))"
        paths = os.pathsep.join((str(ROOT / "launch"), str(ROOT)))
        process = subprocess.Popen(
            [sys.executable, "-c", run, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": paths, "JAX_PLATFORMS": "cpu"} | changes,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def run(start) -> Callable[..., tuple[int, str, str]]:
    """Runs it to its end; returns the exit status, what was printed, and what was said."""

    def run(code: str, *arguments: str, **changes: str) -> tuple[int, str, str]:
        process = start(code, *arguments, **changes)
        printed, said = process.communicate(timeout=DEADLINE)
        return process.returncode, printed, said

    return run


@pytest.fixture
def fifo(tmp_path: Path) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """A named pipe's path, and what reads it until no process has it open any more."""
    path = tmp_path / "fifo"
    os.mkfifo(path)
    reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)

    def read() -> bytes:
        # Where no process has had it open yet, its end would not be told.
        os.close(os.open(path, os.O_WRONLY))
        whole = b""
        while select.select([reading], [], [], DEADLINE)[0]:
            part = os.read(reading, 100)
            whole += part
            if not part:
                return whole
        raise AssertionError("a process lives on")

    yield str(path), read
    os.close(reading)


@pytest.fixture
def handlers() -> Iterator[None]:
    """Puts back the signal handlers that a test in this process sets."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD)
    before = {number: signal.getsignal(number) for number in numbers}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def lines_until(process: subprocess.Popen, *wanted: str) -> None:
    """Reads lines of stdout until all of these have come, in any order."""
    missing = set(wanted)
    while missing:
        line = process.stdout.readline()
        assert line, f"ended without {missing}"
        missing.discard(line.rstrip("\n"))


def test_lines_come_whole_behind_their_process_number(run):
    code = """
for stream, name in ((1, 'out'), (2, 'err')):
    text = ''.join(f'{name} {n} of {me}, ü\\n' for n in range(200)) + 'unended'
    for at in range(0, len(data := text.encode()), 7):
        os.write(stream, data[at:at + 7])
"""
    status, printed, said = run(code, "3")
    assert status == 0
    for text, name in ((printed, "out"), (said, "err")):
        lines = text.splitlines()
        assert len(lines) == 3 * 201
        for process in range(3):
            prefix = f"[{process}] "
            own = [line.removeprefix(prefix) for line in lines if line.startswith(prefix)]
            assert own == [f"{name} {n} of {process}, ü" for n in range(200)] + ["unended"]


def test_lines_come_at_once(start, tmp_path):
    os.mkfifo(tmp_path / "go")
    code = "print('now')\nopen(sys.argv[1]).read()\nprint('later')"
    process = start(code, "1", str(tmp_path / "go"))
    assert process.stdout.readline() == "[0] now\n"
    (tmp_path / "go").write_text("")
    assert process.communicate(timeout=DEADLINE)[0] == "[0] later\n"


def test_what_a_process_finds_in_its_environment(run):
    code = """
names = ('JAX_PROCESS_ID', 'JAX_NUM_PROCESSES', 'JAX_COORDINATOR_ADDRESS', 'JAX_PLATFORMS')
print(*(os.environ[name] for name in names), os.getsid(0) == os.getpid(), sys.argv[1:])
"""
    status, printed, _ = run(code, "2", "--config=x", "--workdir", "a b", JAX_PLATFORMS="")
    assert status == 0
    form = r"\[(\d)\] \1 2 127\.0\.0\.1:(\d+) cpu True \['--config=x', '--workdir', 'a b'\]"
    found = [re.fullmatch(form, line) for line in printed.splitlines()]
    assert sorted(match[1] for match in found) == ["0", "1"]
    assert len({match[2] for match in found}) == 1


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("sys.exit(0)", 0),
        ("sys.exit(3 if me == 1 else 0)", 3),
        ("sys.exit(75)", 75),
        ("os.kill(os.getpid(), signal.SIGKILL)", 137),
        ("sys.exit(4) if me == 0 else (wait(), sys.exit(75))", 4),
        ("sys.exit(4) if me == 0 else (wait(), sys.exit(5))", 4),
        ("sys.exit(75) if me == 0 else (wait(), sys.exit(4))", 4),
    ],
)
def test_the_status_is_that_of_the_first_that_failed(run, tmp_path, code, status):
    os.mkfifo(tmp_path / "told")
    # Process 0 tells its number to process 1, which then waits until that is no process's any more.
    before = """
def wait():
    number = int(open(sys.argv[1]).read())
    while os.path.exists(f'/proc/{number}'):
        time.sleep(0.002)
if me == 0 and 'wait' in sys.argv[2]:
    open(sys.argv[1], 'w').write(str(os.getpid()))
"""
    assert run(before + code, "2", str(tmp_path / "told"), code)[0] == status


def test_where_one_fails_the_others_are_told_to_end(run):
    code = "sys.exit(3) if me == 1 else signal.pause()"
    status, _, said = run(code, "3", "--grace=0")
    assert status == 3
    assert said == "process 0, 2 still runs, though process 1 ended with status 3: SIGTERM\n"


def test_who_does_not_heed_sigterm_is_killed(handlers, tmp_path):
    os.mkfifo(tmp_path / "deaf")
    deaf = (
        "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        f"open({str(tmp_path / 'deaf')!r}, 'w').close(); signal.pause()"
    )
    failing = f"open({str(tmp_path / 'deaf')!r}).read(); raise SystemExit(9)"
    programs = [Program([sys.executable, "-c", code], {}) for code in (deaf, failing)]
    assert Together(programs, StopSignals(), grace=0, last=0).run() == 9


def test_a_program_that_cannot_be_started_leaves_none_behind(handlers, fifo):
    path, read = fifo
    holding = f"import signal; held = open({path!r}, 'w'); signal.pause()"
    programs = [Program([sys.executable, "-c", holding], {}), Program(["/not/there"], {})]
    with pytest.raises(FileNotFoundError):
        Together(programs, StopSignals()).run()
    assert read() == b""


COUNTING = """
with open(sys.argv[1], 'a') as file:
    file.write(f'{me}')
starts = open(sys.argv[1]).read().count(f'{me}')
"""


def test_a_run_that_says_so_is_started_again(run, tmp_path):
    code = COUNTING + "sys.exit(75 if starts < 3 else 0)"
    status, _, said = run(code, "2", "--restarts=5", str(tmp_path / "count"))
    assert status == 0
    assert said == "".join(
        f"the run ended with status 75; started again, {n} of at most 5 times\n" for n in (1, 2)
    )
    assert sorted((tmp_path / "count").read_text()) == ["0"] * 3 + ["1"] * 3


@pytest.mark.parametrize(
    ("status", "starts"), [(0, 1), (1, 1), (2, 1), (130, 1), (75, 3), (134, 3), (137, 3), (143, 3)]
)
def test_which_statuses_start_it_again(run, tmp_path, status, starts):
    code = COUNTING + f"sys.exit({status})"
    assert run(code, "1", "--restarts=2", str(tmp_path / "count"))[0] == status
    assert (tmp_path / "count").read_text() == "0" * starts


@pytest.mark.parametrize(
    ("first", "gets"),
    [(signal.SIGINT, signal.SIGINT), (signal.SIGTERM, signal.SIGTERM), (signal.SIGHUP, 15)],
)
def test_signals_reach_every_process_once(start, first, gets):
    process = start(TWO_SIGNALS, "2", "--restarts=3")
    lines_until(process, "[0] ready", "[1] ready")
    os.killpg(process.pid, first)  # as a terminal does
    lines_until(process, f"[0] first {int(gets)}", f"[1] first {int(gets)}")
    second = signal.SIGINT if gets == signal.SIGTERM else signal.SIGTERM
    process.send_signal(second)
    printed, said = process.communicate(timeout=DEADLINE)
    assert sorted(printed.splitlines()) == [f"[{n}] second {int(second)}" for n in (0, 1)]
    assert process.returncode == 128 + second
    assert said == ""  # not started again


def test_killed_it_leaves_no_process_behind(start, fifo):
    path, read = fifo
    code = """
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
held = open(sys.argv[1], 'w')
print('ready')
signal.pause()
"""
    process = start(code, "2", path)
    lines_until(process, "[0] ready", "[1] ready")
    process.kill()
    assert read() == b""


def test_what_a_process_leaves_behind_ends_with_it(run, fifo):
    path, read = fifo
    code = """
import subprocess
held = os.open(sys.argv[1], os.O_WRONLY)
subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()'], pass_fds=[held])
print('leaving')
"""
    assert run(code, "1", path) == (0, "[0] leaving\n", "")
    assert read() == b""


def test_where_nobody_reads_the_run_is_told_to_stop(start):
    process = start("while True: print('line')", "2", "--restarts=3")
    assert process.stdout.readline().endswith(" line\n")
    process.stdout.close()
    assert process.stderr.read() == ""
    assert process.wait(DEADLINE) == 128 + signal.SIGTERM


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
        (["0"], "processes 0: at least 1"),
        (["--config=x"], "arguments are required: N"),
        (["2", "--restarts"], "--restarts: expected one argument"),
        (["2", "--restarts=-1"], "restarts -1: at least 0"),
        (["2", "--grace=nan"], "grace nan: at least 0"),
        (["2", "3"], "unrecognized arguments: 3"),
        (["2", "--config=x", "--restarts=3"], "--restarts=3: it belongs before"),
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
        ("echo GPU-a", {}, r"2 processes and 1 GPUs \(GPU-a\)"),
        ("echo GPU-a", {"CUDA_VISIBLE_DEVICES": "7,-1,8"}, r"2 processes and 1 GPUs \(7\)"),
        ("echo broken; exit 9", {}, r"nvidia-smi does not name the GPUs \(broken\): set CUDA_VIS"),
    ],
)
def test_too_few_gpus_are_an_error(nvidia_smi, script, given, message):
    with pytest.raises(UserError, match=message):
        local.devices_for(2, False, {"PATH": nvidia_smi(script)} | given)


def test_gpus_that_nothing_names_are_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(local, "DRIVER", tmp_path)
    with pytest.raises(UserError, match="no nvidia-smi that names the GPUs"):
        local.devices_for(1, False, {"PATH": "/nowhere"})
