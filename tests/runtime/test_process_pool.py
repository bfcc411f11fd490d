import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from jaxvid.errors import UserError
from jaxvid.runtime import process_pool
from jaxvid.runtime.process_pool import Failure, Piece

FOREVER = 1000.0  # seconds


def square(number: int) -> tuple[int, int]:
    return number * number, os.getpid()


def fail(number: int) -> None:
    raise OSError(f"task {number}")


class Odd(Exception):
    def __init__(self, one: int, two: int):
        super().__init__("odd")


def fail_oddly(number: int) -> None:
    raise Odd(1, 2)


def behave(task: str):
    """A decoder: frame by frame, and each way to stop before the end."""
    for frame in range(3):
        yield f"{task} {frame}"
        if task == "crash" and frame == 1:
            os.kill(os.getpid(), signal.SIGSEGV)
        if task == "abort" and frame == 2:
            os.abort()
        if task == "killed" and frame == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        if task == "leave":
            os._exit(3)
        if task == "hang" and frame == 1:
            time.sleep(FOREVER)
    return task.upper()


def in_pieces(count: int):
    for number in range(count):
        yield "progress"
        yield Piece(np.full((300, 300), number))
    if count == 3:
        os.abort()
    return "all"


def stop(task: str) -> None:
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(FOREVER)


def wait(folder: str):
    """Works until it is stopped, and then removes what it has written."""
    half = Path(folder) / f"half.{os.getpid()}"
    try:
        half.touch()
        while True:
            yield None
            time.sleep(0.01)
    finally:
        half.unlink()


def test_each_task_is_done_once_elsewhere():
    done = dict(process_pool.run(square, range(8), workers=2))
    assert {task: result[0] for task, result in done.items()} == {n: n * n for n in range(8)}
    assert os.getpid() not in {pid for _, pid in done.values()}


def test_nothing_to_do():
    assert list(process_pool.run(square, [], workers=2)) == []


def test_errors_come_back():
    with pytest.raises(OSError, match="task 1") as caught:
        list(process_pool.run(fail, [1], workers=1))
    assert "in fail" in caught.value.__notes__[0]
    with pytest.raises(RuntimeError, match="Odd: odd"):  # which cannot be sent as it is
        list(process_pool.run(fail_oddly, [1], workers=1))


def test_a_process_that_dies_or_hangs_costs_its_own_task_alone():
    tasks = ["a", "crash", "b", "hang", "abort", "killed", "c", "leave", "d"]
    seen = []
    done = dict(process_pool.each(behave, tasks, workers=2, patience=3.0, on_progress=seen.append))
    assert {task: done[task] for task in "abcd"} == {"a": "A", "b": "B", "c": "C", "d": "D"}
    assert done["crash"] == Failure("crashed (SIGSEGV)", "crash 1")
    assert done["abort"] == Failure("crashed (SIGABRT)", "abort 2")
    assert done["leave"] == Failure("ended with status 3", "leave 0")
    assert done["hang"] == Failure("made no progress for 3 s", "hang 1", hung=True)
    assert done["killed"].at == "killed 1"
    assert done["killed"].killed
    assert {"a 0", "a 1", "a 2", "hang 1"} <= set(seen)


def test_results_come_in_pieces():
    got: dict[int, list] = {2: [], 3: []}
    for task, outcome in process_pool.each(in_pieces, [2, 3], workers=2):
        got[task].append(outcome.content.mean() if isinstance(outcome, Piece) else outcome)
    assert got[2] == [0, 1, "all"]
    assert got[3] == [0, 1, 2, Failure("crashed (SIGABRT)", "progress")]


def test_where_none_has_a_reason_to_die_it_is_an_error():
    with pytest.raises(
        UserError, match=r"process for the first crashed \(SIGSEGV\); the same command"
    ):
        list(process_pool.run(behave, ["crash"], 1, name=lambda _: "the first"))


def test_a_process_that_is_asked_to_stop_says_nothing_of_its_task():
    with pytest.raises(UserError, match="was stopped"):
        list(process_pool.each(stop, ["a"], workers=1))


def test_whoever_leaves_ends_all_processes_which_clean_up(tmp_path):
    before = _workers()
    working = process_pool.each(
        wait, [str(tmp_path)] * 2, workers=2, on_progress=lambda at: enough()
    )

    def enough() -> None:
        if len(list(tmp_path.iterdir())) == 2:
            raise KeyboardInterrupt

    with closing(working), pytest.raises(KeyboardInterrupt):
        next(working)
    assert not list(tmp_path.iterdir())
    assert _workers() <= before


def _workers() -> set[str]:
    """Returns the commands of this process's worker processes."""
    pids = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    commands = [Path(f"/proc/{pid}/cmdline").read_text() for pid in pids]
    return {command for command in commands if "spawn_main" in command}


def test_a_parent_that_is_killed_leaves_nobody_behind(tmp_path):
    script = tmp_path / "parent.py"
    script.write_text(
        "import importlib.util, sys\n"
        "from jaxvid.runtime import process_pool\n"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "import test_process_pool\n"
        "if __name__ == '__main__':\n"
        f"    list(process_pool.each(test_process_pool.wait, [{str(tmp_path)!r}] * 2, workers=2))\n"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    parent = subprocess.Popen([sys.executable, script], env=environment)
    while len(pids := _working(tmp_path)) < 2:
        assert parent.poll() is None
    parent.kill()
    parent.wait()
    while any(_lives(pid) for pid in pids):
        time.sleep(0.01)
    assert not _working(tmp_path)


def _working(folder: Path) -> list[int]:
    return [int(path.suffix[1:]) for path in folder.glob("half.*")]


def _lives(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
