"""What is printed while a user waits: on a terminal, and nowhere else."""

import sys
import threading

import jax
import jax.numpy as jnp
import pytest
from jax._src import monitoring

from jaxvid.runtime import progress


@pytest.fixture
def listeners(monkeypatch):
    """Keeps what is registered with JAX to one test."""
    for name in ("_event_listeners", "_event_duration_secs_listeners"):
        monkeypatch.setattr(monitoring, name, list(getattr(monitoring, name)))


@pytest.fixture(autouse=True)
def _fresh():
    progress.announce.cache_clear()


def test_a_wait_is_announced_once_and_only_on_a_terminal(monkeypatch, capsys):
    progress.announce("loading")
    assert capsys.readouterr() == ("", "")
    progress.announce.cache_clear()
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    progress.announce("loading")
    progress.announce("loading")
    assert capsys.readouterr() == ("", "loading ...\n")


@pytest.mark.parametrize(("long", "announced"), [(0.0, 1), (1000.0, 0)])
def test_the_first_long_compilation_is_announced(
    listeners, cache, monkeypatch, capsys, long, announced
):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setattr(progress, "LONG", long)
    progress.announce_compiling()
    before = set(threading.enumerate())
    for factor in (2, 3):
        jax.jit(lambda x, factor=factor: jnp.sort(x * factor))(jnp.arange(1000.0))
    assert capsys.readouterr().err.count("compiling (first time) ...\n") == announced
    for timer in set(threading.enumerate()) - before:
        if isinstance(timer, threading.Timer):  # cancelled, when the compilation ended
            timer.join(60)
            assert not timer.is_alive()


def test_nothing_is_registered_without_a_terminal(listeners):
    before = list(monitoring._event_listeners)
    progress.announce_compiling()
    assert monitoring._event_listeners == before
