"""Programs that stand in for those of the launchers, or of a cluster."""

import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DEADLINE = 60.0  # seconds; only a hang meets it
START = "import os, signal, sys, time; me = int(os.environ['JAX_PROCESS_ID'])\n"


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Puts a script before all other programs of its name; the scripts' folder is `$HERE`."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("HERE", str(tmp_path))

    def write(name: str, script: str) -> None:
        (folder / name).write_text(script)
        (folder / name).chmod(0o755)

    return write


@pytest.fixture
def check() -> Callable[..., None]:
    """Runs a program that the `test` extra installs, or another one, which must find no fault."""

    def check(name: str, *arguments: str | Path) -> None:
        beside = str(Path(sys.executable).parent)
        program = shutil.which(name, path=beside) or shutil.which(name)
        assert program, f"there is no {name}: pip install -e '.[test]'"
        ended = subprocess.run([program, *arguments], capture_output=True, text=True)
        assert ended.returncode == 0, ended.stdout + ended.stderr

    return check


def _heed_signals() -> None:
    for number in (signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)


@pytest.fixture
def start_local() -> Iterator[Callable[..., subprocess.Popen]]:
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
            # Under nohup, or in the background of a shell, these tests would inherit it ignored.
            preexec_fn=_heed_signals,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def run_local(start_local) -> Callable[..., tuple[int, str, str]]:
    """Runs it to its end; returns the exit status, what was printed, and what was said."""

    def run(code: str, *arguments: str, **changes: str) -> tuple[int, str, str]:
        process = start_local(code, *arguments, **changes)
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
