"""Connections go through the relay; the far end's end is told and not passed on."""

import queue
import socket
import threading

import pytest

from jaxvid.runtime.relay import Relay

SOON = 20.0  # seconds; only a failure waits so long


@pytest.fixture
def server():
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(SOON)
        yield server


def connected(server, lost=lambda: None):
    """Returns a relay, this side's end of a connection through it, and the far side's."""
    relay = Relay(f"127.0.0.1:{server.getsockname()[1]}", SOON, lost)
    host, _, port = relay.address.rpartition(":")
    near = socket.create_connection((host, int(port)), timeout=SOON)
    far, _ = server.accept()
    far.settimeout(SOON)
    return relay, near, far


def test_bytes_pass_both_ways(server):
    relay, near, far = connected(server)
    near.sendall(b"there")
    assert far.recv(16) == b"there"
    far.sendall(b"and back")
    assert near.recv(16) == b"and back"
    assert relay.reached


def test_a_far_end_that_closes_is_told_and_this_end_stays_open(server):
    told = threading.Event()
    _, near, far = connected(server, told.set)
    far.close()
    assert told.wait(SOON)
    near.settimeout(0.2)
    with pytest.raises(TimeoutError):  # neither closed nor reset
        near.recv(16)


def test_this_end_s_close_reaches_the_far_one_and_is_no_loss(server):
    told = queue.Queue()
    _, near, far = connected(server, lambda: told.put("lost"))
    near.close()
    assert far.recv(16) == b""
    assert told.empty()


def test_closed_it_says_nothing(server):
    told = queue.Queue()
    relay, near, far = connected(server, lambda: told.put("lost"))
    relay.close()
    near.sendall(b"still")
    assert far.recv(16) == b"still"
    far.close()
    near.settimeout(0.2)
    with pytest.raises(TimeoutError):
        near.recv(16)
    assert told.empty()


def test_a_far_end_that_comes_late_is_waited_for():
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    relay = Relay(f"127.0.0.1:{port}", SOON, lambda: None)
    host, _, near_port = relay.address.rpartition(":")
    near = socket.create_connection((host, int(near_port)), timeout=SOON)
    near.sendall(b"early")
    with socket.create_server(("127.0.0.1", port)) as server:
        server.settimeout(SOON)
        far, _ = server.accept()
        far.settimeout(SOON)
        assert far.recv(16) == b"early"


def test_one_that_never_comes_closes_the_connection():
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    relay = Relay(f"127.0.0.1:{port}", 0.1, lambda: None)
    host, _, near_port = relay.address.rpartition(":")
    near = socket.create_connection((host, int(near_port)), timeout=SOON)
    assert near.recv(16) == b""
    assert not relay.reached
