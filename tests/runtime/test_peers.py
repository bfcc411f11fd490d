"""Heartbeats: a process that stops sending them, or leaves, ends all with its name and status."""

import queue
import threading
from collections.abc import Iterator

import pytest

from jaxvid.errors import AGAIN
from jaxvid.runtime.peers import Pace, Peers

SOON = 20.0  # seconds; only a failure waits so long


class Store:
    """The names and values that processes share, as JAX's client gives them."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.answers = True

    def key_value_set(self, key: str, value: str, allow_overwrite: bool = False) -> None:
        self.values[key] = value

    def key_value_dir_get(self, key: str) -> list[tuple[str, str]]:
        if not self.answers:
            threading.Event().wait()
        return [item for item in self.values.items() if item[0].startswith(key)]


class Run:
    """Processes of a run that share a store, all in this one; `ends` are their statuses."""

    def __init__(self) -> None:
        self.store = Store()
        self.ends: queue.Queue[int] = queue.Queue()
        self._members: list[Peers] = []
        self._closed = threading.Event()

    def member(self, index: int, count: int, **pace: float) -> Peers:
        """Adds a process; those that are not added have a name and send no heartbeat."""
        for i in range(count):
            self.store.values[f"jaxvid/name/{i}"] = name(i)
        quick = {"tick": 0.01, "patience": 0.6, "suspected": 0.2, "linger": 0.0, **pace}
        peers = Peers(self.store, index, count, name(index), Pace(**quick), self._leave)
        self._members.append(peers)
        return peers

    def crew(self, count: int) -> list[Peers]:
        return [self.member(i, count) for i in range(count)]

    def _leave(self, status: int) -> None:
        self.ends.put(status)
        self._closed.wait()  # no thread of a process that has ended goes on

    def close(self) -> None:
        for peers in self._members:
            peers._finished.set()
        self._closed.set()


def name(i: int) -> str:
    return f"process {i} (node{i}, pid {100 + i})"


@pytest.fixture
def run() -> Iterator[Run]:
    run = Run()
    yield run
    run.close()


def test_a_silent_process_ends_the_others_with_its_name(run, capfd):
    run.member(0, 2)
    assert run.ends.get(timeout=SOON) == AGAIN
    shown = capfd.readouterr().err
    assert "process 1 (node1, pid 101) has sent no heartbeat" in shown
    assert "the same command continues" in shown
    assert run.store.values["jaxvid/end/0"].startswith(f"{AGAIN}|process 1 (node1")


def test_a_failed_computation_makes_silence_suspicious_sooner(run, capfd):
    first = run.member(0, 2, patience=SOON)
    threading.Thread(target=first.await_end, daemon=True).start()
    assert run.ends.get(timeout=SOON / 2) == AGAIN
    assert name(1) in capfd.readouterr().err


@pytest.mark.parametrize("status", [2, 143, AGAIN])
def test_one_that_leaves_with_a_reason_ends_all_with_its_status(run, capfd, status):
    _, _, third = run.crew(3)
    third.leave(status, "clip.avi does not decode")
    assert [run.ends.get(timeout=SOON) for _ in range(2)] == [status, status]
    assert f"{name(2)} has ended: clip.avi does not decode" in capfd.readouterr().err


def test_the_first_one_s_reason_reaches_the_others(run, capfd):
    first, _ = run.crew(2)
    first.leave(2, "the disk is full")
    assert run.ends.get(timeout=SOON) == 2
    assert "the disk is full" in capfd.readouterr().err


def test_a_store_that_does_not_answer_means_that_the_first_one_is_gone(run, capfd):
    run.member(1, 2)
    run.store.answers = False
    assert run.ends.get(timeout=SOON) == AGAIN
    assert f"{name(0)} has sent no heartbeat" in capfd.readouterr().err


def test_the_relay_s_word_ends_at_once(run, capfd):
    second = run.member(1, 2)
    threading.Thread(target=second.lost_primary, daemon=True).start()
    assert run.ends.get(timeout=SOON) == AGAIN
    assert f"{name(0)} has ended" in capfd.readouterr().err


def test_all_that_finish_leave_together(run, capfd):
    members = run.crew(3)
    finishing = [threading.Thread(target=member.finish, daemon=True) for member in members]
    for thread in finishing[:2]:
        thread.start()
    finishing[0].join(0.1)
    assert finishing[0].is_alive()  # waits for the third
    finishing[2].start()
    for thread in finishing:
        thread.join(SOON)
        assert not thread.is_alive()
    for member in members[::-1]:
        member.close()
    members[1].lost_primary()  # whoever has finished needs nobody
    assert run.ends.empty()
    assert capfd.readouterr().err == ""
