import os

import pytest

from jaxvid import parallel
from jaxvid.errors import UserError


def square(number: int) -> tuple[int, int]:
    return number * number, os.getpid()


def fail(number: int) -> None:
    raise OSError(f"task {number}")


def die(number: int) -> None:
    os._exit(3)


def test_each_task_is_done_once_elsewhere():
    done = dict(parallel.run(square, range(8), workers=2))
    assert {task: result[0] for task, result in done.items()} == {n: n * n for n in range(8)}
    assert os.getpid() not in {pid for _, pid in done.values()}


def test_nothing_to_do():
    assert list(parallel.run(square, [], workers=2)) == []


def test_errors_come_back():
    with pytest.raises(OSError, match="task 1"):
        list(parallel.run(fail, [1], workers=1))


def test_a_process_that_dies_is_an_error_not_a_hang():
    with pytest.raises(UserError, match=r"a worker process died: .* in work were first, second;"):
        list(parallel.run(die, [1, 2], 1, name={1: "first", 2: "second"}.get))
