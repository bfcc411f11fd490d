import ctypes
from types import SimpleNamespace

import pytest

from jaxvid import memory


@pytest.fixture
def calls(monkeypatch):
    made = []
    library = SimpleNamespace(mallopt=lambda option, value: made.append((option, value)))
    monkeypatch.setattr(ctypes, "CDLL", lambda _: library)
    monkeypatch.setattr(memory, "ACCELERATORS", ())
    return made


def test_glibc_is_told_to_keep_what_is_freed(calls):
    memory.keep_freed()
    assert sorted(calls) == [(-8, 1), (-4, 0), (-2, 2**28), (-1, -1)]


def test_beside_an_accelerator_nothing_is_changed(calls, monkeypatch, tmp_path):
    monkeypatch.setattr(memory, "ACCELERATORS", (str(tmp_path),))
    memory.keep_freed()
    assert not calls


def test_another_c_library_is_left_alone(calls, monkeypatch):
    monkeypatch.setattr(ctypes, "CDLL", lambda _: SimpleNamespace())
    memory.keep_freed()
    assert not calls
