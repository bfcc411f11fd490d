"""What Ctrl-C and SIGTERM do."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Signals:
    """SIGINT and SIGTERM interrupt at once or, while training, ask to save and leave.

    `received`: the number of the first one, or 0.
    """

    def __init__(self) -> None:
        self.received = 0
        self._deferred = False
        signal.signal(signal.SIGINT, self._receive)
        signal.signal(signal.SIGTERM, self._receive)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        again, self.received = bool(self.received), self.received or number
        if again or not self._deferred:
            raise KeyboardInterrupt

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """Lets the first signal wait until it is asked for; a second one interrupts at once."""
        self._deferred = True
        try:
            yield
        finally:
            self._deferred = False


def is_interrupt(error: BaseException) -> bool:
    """Says whether an exception is such a signal's, also where a library has made it another."""
    found: BaseException | None = error
    while found and not isinstance(found, KeyboardInterrupt):
        found = found.__cause__ or (None if found.__suppress_context__ else found.__context__)
    return found is not None


def interrupt_again() -> None:
    """Interrupts once more in a moment: for where Python drops exceptions, as in destructors."""
    again = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT))
    again.daemon = True
    again.start()
