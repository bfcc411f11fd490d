import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
from together import Program, Together

from jaxvid.runtime.signals import ForwardedSignals

DEADLINE = 60.0  # seconds; only a hang meets it
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


def test_lines_come_whole_behind_their_process_number(run_local):
    code = """
for stream, name in ((1, 'out'), (2, 'err')):
    text = ''.join(f'{name} {n} of {me}, ü\\n' for n in range(200)) + 'unended'
    for at in range(0, len(data := text.encode()), 7):
        os.write(stream, data[at:at + 7])
"""
    status, printed, said = run_local(code, "3")
    assert status == 0
    for text, name in ((printed, "out"), (said, "err")):
        lines = text.splitlines()
        assert len(lines) == 3 * 201
        for process in range(3):
            prefix = f"[{process}] "
            own = [line.removeprefix(prefix) for line in lines if line.startswith(prefix)]
            assert own == [f"{name} {n} of {process}, ü" for n in range(200)] + ["unended"]


def test_lines_come_at_once(start_local, tmp_path):
    os.mkfifo(tmp_path / "go")
    code = "print('now')\nopen(sys.argv[1]).read()\nprint('later')"
    process = start_local(code, "1", str(tmp_path / "go"))
    assert process.stdout.readline() == "[0] now\n"
    (tmp_path / "go").write_text("")
    assert process.communicate(timeout=DEADLINE)[0] == "[0] later\n"


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
def test_the_status_is_that_of_the_first_that_failed(run_local, tmp_path, code, status):
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
    assert run_local(before + code, "2", str(tmp_path / "told"), code)[0] == status


@pytest.mark.parametrize("fails", [3, 75])
def test_where_one_fails_the_others_are_told_to_end(run_local, fails):
    code = f"sys.exit({fails}) if me == 1 else signal.pause()"
    status, _, said = run_local(code, "3", "--grace=0")
    assert status == fails
    assert said == (
        f"process 0, 2 still runs, though process 1 ended with status {fails}: SIGTERM\n"
    )


def test_who_does_not_heed_sigterm_is_killed(handlers, tmp_path):
    os.mkfifo(tmp_path / "deaf")
    deaf = (
        "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        f"open({str(tmp_path / 'deaf')!r}, 'w').close(); signal.pause()"
    )
    failing = f"open({str(tmp_path / 'deaf')!r}).read(); raise SystemExit(9)"
    programs = [Program([sys.executable, "-c", code], {}) for code in (deaf, failing)]
    assert Together(programs, ForwardedSignals(), grace=0, last=0).run() == 9


def test_a_program_that_cannot_be_started_leaves_none_behind(handlers, fifo):
    path, read = fifo
    holding = f"import signal; held = open({path!r}, 'w'); signal.pause()"
    programs = [Program([sys.executable, "-c", holding], {}), Program(["/not/there"], {})]
    with pytest.raises(FileNotFoundError):
        Together(programs, ForwardedSignals()).run()
    assert read() == b""


@pytest.mark.parametrize(
    ("first", "gets"),
    [(signal.SIGINT, signal.SIGINT), (signal.SIGTERM, signal.SIGTERM), (signal.SIGHUP, 15)],
)
def test_signals_reach_every_process_once(start_local, first, gets):
    process = start_local(TWO_SIGNALS, "2", "--restarts=3")
    lines_until(process, "[0] ready", "[1] ready")
    os.killpg(process.pid, first)  # as a terminal does
    lines_until(process, f"[0] first {int(gets)}", f"[1] first {int(gets)}")
    second = signal.SIGINT if gets == signal.SIGTERM else signal.SIGTERM
    process.send_signal(second)
    printed, said = process.communicate(timeout=DEADLINE)
    assert sorted(printed.splitlines()) == [f"[{n}] second {int(second)}" for n in (0, 1)]
    assert process.returncode == 128 + second
    assert said == ""  # not started again


def test_killed_it_leaves_no_process_behind(start_local, fifo):
    path, read = fifo
    code = """
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
held = open(sys.argv[1], 'w')
print('ready')
signal.pause()
"""
    process = start_local(code, "2", path)
    lines_until(process, "[0] ready", "[1] ready")
    process.kill()
    assert read() == b""


def test_what_a_process_leaves_behind_ends_with_it(run_local, fifo):
    path, read = fifo
    code = """
import subprocess
held = os.open(sys.argv[1], os.O_WRONLY)
subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()'], pass_fds=[held])
print('leaving')
"""
    assert run_local(code, "1", path) == (0, "[0] leaving\n", "")
    assert read() == b""


def test_where_nobody_reads_the_run_is_told_to_stop(start_local):
    process = start_local("while True: print('line')", "2", "--restarts=3")
    assert process.stdout.readline().endswith(" line\n")
    process.stdout.close()
    assert process.stderr.read() == ""
    assert process.wait(DEADLINE) == 128 + signal.SIGTERM
