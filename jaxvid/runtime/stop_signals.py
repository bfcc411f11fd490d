"""The signals that ask a launcher to stop, caught so that its child processes get them."""

import signal
from collections.abc import Callable
from types import FrameType


def catch(receive: Callable[[int, int], None]) -> None:
    """Has `receive(number, passed)` called for SIGINT, SIGTERM and SIGHUP from now on.

    `passed` is the signal for the children: for SIGHUP it is SIGTERM, as a terminal that closes
    would kill a run, and a SIGTERM lets it save.
    """

    def handle(number: int, frame: FrameType | None) -> None:
        receive(number, signal.SIGTERM if number == signal.SIGHUP else number)

    signal.signal(signal.SIGINT, handle)
    signal.signal(signal.SIGTERM, handle)
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # under nohup it stays ignored
        signal.signal(signal.SIGHUP, handle)


class StopSignals:
    """Notes the signals as they come: `received` is the last one, 0 before any."""

    def __init__(self) -> None:
        self.received = 0
        self.passed: list[int] = []  # what every child is to get, in order
        catch(self.receive)

    def receive(self, number: int, passed: int) -> None:
        """Notes a signal, and what the children are to get for it."""
        self.received = number
        self.passed.append(passed)
