"""Several processes at once: their output, the signals for them, and the end of all with one."""

import ctypes
import os
import queue
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, BinaryIO

from jaxvid.errors import AGAIN
from jaxvid.runtime.signals import ForwardedSignals

_SET_PDEATHSIG = 1  # PR_SET_PDEATHSIG of linux/prctl.h
_LIBC = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Program:
    """A command, and the variables that are added to this process's environment for it."""

    command: Sequence[str]
    environment: Mapping[str, str]


class _Process:
    """A running program; `status` is None until it has ended."""

    def __init__(self, number: int, program: Program):
        self.number = number
        parent = os.getpid()
        self.process = subprocess.Popen(
            program.command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=os.environ | {"PYTHONUNBUFFERED": "1"} | dict(program.environment),
            # A terminal sends Ctrl-C to its whole foreground group: the program would get it
            # twice, and the second one ends it without saving.
            start_new_session=True,
            preexec_fn=lambda: _end_with(parent),
        )
        self.sent = 0  # number of forwarded signals
        self.status: int | None = None
        self.terminated = False  # by this launcher, because another one had failed
        self._copies: list[tuple[IO[bytes], threading.Thread]] = []
        self._writing = threading.Lock()

    def copy_output(self, on_failure: Callable[[], None]) -> None:
        """Copies its lines to this process's stdout and stderr, after `[number] `, in threads."""
        for source, output in (
            (self.process.stdout, sys.stdout.buffer),
            (self.process.stderr, sys.stderr.buffer),
        ):
            assert source  # both are PIPE
            arguments = (source, output, on_failure)
            thread = threading.Thread(target=self._copy, args=arguments, daemon=True)
            thread.start()
            self._copies.append((source, thread))

    def _copy(self, source: IO[bytes], output: BinaryIO, on_failure: Callable[[], None]) -> None:
        for line in source:
            with self._writing:
                try:
                    output.write(b"[%d] %s\n" % (self.number, line.removesuffix(b"\n")))
                    output.flush()
                except OSError:
                    # The reader has gone (`| head`), or the disk is full: the run saves and exits,
                    # without further output, also of Python itself at the end.
                    nowhere = os.open(os.devnull, os.O_WRONLY)
                    os.dup2(nowhere, output.fileno())
                    os.close(nowhere)
                    on_failure()

    def has_ended(self) -> bool:
        """Returns whether it has ended since the last call; if so, kills what it has started."""
        flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
        if self.status is not None or not os.waitid(os.P_PID, self.process.pid, flags):
            return False
        self.kill()  # before `wait`, while no other process can have its number
        code = self.process.wait()
        self.status = code if code >= 0 else 128 - code
        for source, thread in self._copies:
            # Not until the end of the pipe: a process that escaped `kill` may hold it open.
            while thread.is_alive() and (_readable(source) or self._writing.locked()):
                thread.join(0.1)
            if not thread.is_alive():
                source.close()
        return True

    def kill(self) -> None:
        """Kills it and what it has started in its process group."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)


def _readable(source: IO[bytes]) -> bool:
    return bool(select.select([source], [], [], 0)[0])


def _end_with(parent: int) -> None:
    # By the kernel, because a SIGKILL of the launcher leaves nothing else to do it. By SIGKILL,
    # which no program can delay: a run loses the steps since its last checkpoint.
    if _LIBC.prctl(_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")
    if os.getppid() != parent:  # it died before the call
        os._exit(128 + signal.SIGKILL)


class Together:
    """Runs programs until all have ended.

    Each line of their output goes to this process's stdout or stderr, after `[i] `. If one fails,
    the others have `grace` seconds to end by themselves, then get SIGTERM, and `last` seconds later
    SIGKILL. `signals` are forwarded once to every program.
    """

    def __init__(
        self,
        programs: Sequence[Program],
        signals: ForwardedSignals,
        grace: float = 60.0,
        last: float = 10.0,
    ):
        self._programs, self._signals, self._grace, self._last = programs, signals, grace, last
        self._processes: list[_Process] = []
        self._failed: list[_Process] = []  # in the order of their ends
        self._deadline = float("inf")
        # An item after each signal. Unlike those of `Event`, its methods can interrupt each other.
        self._events: queue.SimpleQueue[None] = queue.SimpleQueue()

    def run(self) -> int:
        """Returns 0 if all have, else the status of the first that failed.

        128 + n if signal n ended it. 75 counts only without another status, because it is the
        consequence of a failure; so is the end of terminated programs, which never counts. Raises
        OSError if a program cannot be started.
        """
        before = signal.signal(signal.SIGCHLD, lambda number, frame: self._events.put(None))
        self._signals.forward = lambda: self._events.put(None)
        try:
            for number, program in enumerate(self._programs):
                self._processes.append(_Process(number, program))
            for process in self._processes:  # threads, which must not exist in `preexec_fn`
                process.copy_output(lambda: self._signals.receive(signal.SIGPIPE))
            while self._tend():
                seconds = max(0.0, self._deadline - time.monotonic())
                with suppress(queue.Empty):
                    self._events.get(timeout=None if seconds == float("inf") else seconds)
        finally:
            for process in self._processes:
                if process.status is None:
                    process.kill()
                    process.process.wait()
            signal.signal(signal.SIGCHLD, before)
        own = [process.status or 0 for process in self._failed if not process.terminated]
        return next((status for status in own if status != AGAIN), own[0] if own else 0)

    def _tend(self) -> bool:
        """Forwards signals and handles ends; returns whether any program still runs."""
        for process in self._processes:
            for number in self._signals.to_forward[process.sent :]:
                process.sent += 1
                process.process.send_signal(number)
            if process.has_ended() and process.status:
                self._failed.append(process)
        running = [process for process in self._processes if process.status is None]
        if running and self._failed:
            self._terminate(running)
        return bool(running)

    def _terminate(self, running: list[_Process]) -> None:
        """Ends the programs that still run at the deadline after a failure."""
        now, again = time.monotonic(), all(process.terminated for process in running)
        if self._deadline == float("inf") and not again:
            self._deadline = now + self._grace
        if now < self._deadline:
            return
        first, names = self._failed[0], ", ".join(str(process.number) for process in running)
        print(
            f"process {names} still runs, though process {first.number} ended with status "
            f"{first.status}: {'SIGKILL' if again else 'SIGTERM'}",
            file=sys.stderr,
            flush=True,
        )
        for process in running:
            process.terminated = True
            if again:
                process.kill()
            else:
                process.process.terminate()
        self._deadline = float("inf") if again else now + self._last
