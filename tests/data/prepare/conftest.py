"""Preparation without worker processes, which take most of the time where videos are tiny."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from jaxvid.runtime import pool_worker, process_pool
from jaxvid.runtime.pool_worker import Piece


class _Pipe(list):
    """What a worker process would send."""

    send = list.append


def _here(
    function: Callable[[Any], Any], tasks: Iterable[Any], *_: Any, **__: Any
) -> Iterator[tuple[Any, Any]]:
    for task in tasks:
        sent = _Pipe()
        answer = pool_worker._answer(function, task, sent)
        yield from ((task, piece) for piece in sent if isinstance(piece, Piece))
        if answer.raises:
            raise answer.content
        yield task, answer.content


@pytest.fixture
def processes() -> None:
    """For tests of several processes at work; in all others this one does all."""


@pytest.fixture(autouse=True)
def _in_this_process(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "processes" not in request.fixturenames:
        monkeypatch.setattr(process_pool, "each", _here)
