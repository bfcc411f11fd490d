import os
import signal
import time

import pytest

from jaxvid.runtime.crew import Crew
from jaxvid.runtime.process_pool import Failure, Piece


def count(task):
    number, end = task
    for i in range(number):
        yield Piece((os.getpid(), i))
    if end == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if end == "hang":
        time.sleep(1000)
    if end == "fail":
        raise ZeroDivisionError("a bug")
    return end


def run(crew, task):
    pieces, stream = [], crew.stream(task)
    while True:
        try:
            pieces.append(next(stream))
        except StopIteration as end:
            return pieces, end.value


def test_a_process_that_has_done_its_task_takes_the_next():
    crew = Crew(count)
    first, result = run(crew, (3, "done"))
    assert ([i for _, i in first], result) == ([0, 1, 2], "done")
    second, _ = run(crew, (1, "done"))
    assert {pid for pid, _ in first} == {pid for pid, _ in second}


def test_two_tasks_at_once_have_a_process_each():
    crew = Crew(count)
    one, other = crew.stream((2, "a")), crew.stream((2, "b"))
    pairs = list(zip(one, other, strict=True))
    assert all(a[0] != b[0] for a, b in pairs)


def test_a_process_that_dies_or_hangs_costs_its_task_alone():
    crew = Crew(count, patience=1.5)
    pieces, failure = run(crew, (2, "crash"))
    assert len(pieces) == 2
    assert (failure.reason, failure.killed) == ("crashed (SIGSEGV)", False)
    _, failure = run(crew, (1, "hang"))
    assert isinstance(failure, Failure)
    assert failure.hung
    with pytest.raises(ZeroDivisionError, match="a bug"):
        run(crew, (1, "fail"))
    after, result = run(crew, (1, "done"))
    assert result == "done"
    # One that died while it waited, or whose task was given up, is replaced.
    os.kill(after[0][0], signal.SIGKILL)
    time.sleep(0.2)
    assert run(crew, (1, "again"))[1] == "again"
    given_up = crew.stream((1000, "x"))
    pid, _ = next(given_up)
    given_up.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert run(crew, (1, "last"))[1] == "last"


def test_at_the_end_of_the_program_no_process_is_waited_for():
    crew = Crew(count)
    stream = crew.stream((1000, "x"))
    pid, _ = next(stream)
    crew._kill()
    stream.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
