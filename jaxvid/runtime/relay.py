"""The connection to process 0, through a relay that outlives it.

JAX kills a process, without a message, as soon as its connection to process 0 breaks. Through a
relay that connection stays open, and Python can print the reason and exit in its own way.
"""

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress

# A machine that is gone closes no connection: after 10 s of silence three probes, 5 s apart.
# Data breaks the connection after 25 s without acknowledgement.
_OPTIONS = {"KEEPIDLE": 10, "KEEPINTVL": 5, "KEEPCNT": 3, "USER_TIMEOUT": 25_000, "NODELAY": 1}
_BLOCK = 1 << 16


class Relay:
    """Forwards connections from `address` on this machine, `HOST:PORT`, to process 0's `target`.

    Tries for `patience` seconds to reach it. `lost` is called from a thread when the target, once
    reached, is gone; the connections on this side then stay open and silent.
    """

    def __init__(self, target: str, patience: float, lost: Callable[[], None]):
        host, _, port = target.rpartition(":")
        self._target = host.strip("[]"), int(port)
        self._patience, self._lost = patience, lost
        self._closed = threading.Event()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._server.getsockname()[1]}"
        self.reached = False
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Stops accepting connections, and ignores the end of process 0 from now on."""
        self._closed.set()
        self._server.close()

    def _accept(self) -> None:
        with suppress(OSError):  # upon close
            while True:
                near, _ = self._server.accept()
                threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near: socket.socket) -> None:
        far = self._connect()
        if far is None:
            near.close()
            return
        self.reached = True
        threading.Thread(target=self._forward, args=(near, far), daemon=True).start()
        if self._forward(far, near) and not self._closed.is_set():
            self._lost()

    def _connect(self) -> socket.socket | None:
        deadline = time.monotonic() + self._patience
        while time.monotonic() < deadline and not self._closed.is_set():
            try:
                far = socket.create_connection(self._target, timeout=5.0)
            except OSError:
                self._closed.wait(0.2)
                continue
            far.settimeout(None)
            far.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for name, value in _OPTIONS.items():
                far.setsockopt(socket.IPPROTO_TCP, getattr(socket, f"TCP_{name}"), value)
            return far
        return None

    def _forward(self, source: socket.socket, sink: socket.socket) -> bool:
        """Forwards what arrives, until one end closes; returns whether that is the source."""
        while True:
            try:
                block = source.recv(_BLOCK)
            except OSError:
                return True
            if not block:
                # The close of this side reaches process 0, but not the other way round.
                if sink.getpeername() == self._target:
                    with suppress(OSError):
                        sink.shutdown(socket.SHUT_WR)
                return True
            try:
                sink.sendall(block)
            except OSError:
                return False
