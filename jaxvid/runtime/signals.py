"""Ctrl-C, SIGTERM and SIGHUP: in the main program, and in programs that run it."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


class Signals:
    """SIGINT and SIGTERM of the main program: they interrupt it, or wait while it trains.

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
        """Makes the first signal wait until `received` is read; a second one interrupts at once."""
        self._deferred = True
        try:
            yield
        finally:
            self._deferred = False


class ForwardedSignals:
    """SIGINT, SIGTERM and SIGHUP of a launcher, for its child processes.

    `received`: the number of the last one, or 0. `to_forward`: those for the children, in order; a
    SIGHUP is a SIGTERM there, because it would kill a run that a SIGTERM lets save. `forward` is
    called after each.
    """

    def __init__(self, forward: Callable[[], None] = lambda: None) -> None:
        self.received = 0
        self.to_forward: list[int] = []
        self.forward = forward
        numbers = [signal.SIGINT, signal.SIGTERM]
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # nohup ignores it
            numbers.append(signal.SIGHUP)
        for number in numbers:
            signal.signal(number, lambda number, frame: self.receive(number))

    def receive(self, number: int) -> None:
        """Records a signal; all but SIGINT reach the children as SIGTERM."""
        self.received = number
        self.to_forward.append(number if number == signal.SIGINT else signal.SIGTERM)
        self.forward()


def is_interrupt(error: BaseException) -> bool:
    """Returns whether `Signals` raised an exception, even if a library raised another from it."""
    found: BaseException | None = error
    while found and not isinstance(found, KeyboardInterrupt):
        found = found.__cause__ or (None if found.__suppress_context__ else found.__context__)
    return found is not None


def interrupt_again() -> None:
    """Interrupts in a moment, for places where Python drops exceptions, such as destructors."""
    again = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT))
    again.daemon = True
    again.start()
