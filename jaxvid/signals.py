"""What Ctrl-C and SIGTERM do."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Signals:
    """SIGINT and SIGTERM interrupt at once or, while training, ask to save and leave."""

    def __init__(self) -> None:
        self.received = 0
        self._deferred = False
        signal.signal(signal.SIGINT, self._receive)
        signal.signal(signal.SIGTERM, self._receive)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        again, self.received = bool(self.received), number
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
