"""Several processes at once: their lines, the signals for them, and the end of all with one."""

import ctypes
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import BinaryIO

from jaxvid.errors import AGAIN
from jaxvid.runtime.stop_signals import StopSignals

_SET_PDEATHSIG = 1  # PR_SET_PDEATHSIG of linux/prctl.h
_LIBC = ctypes.CDLL(None, use_errno=True)
_BYTES_READ = 1 << 16


@dataclass(frozen=True)
class Program:
    """A command, and what it finds in its environment besides this process's own."""

    command: Sequence[str]
    environment: Mapping[str, str]


@dataclass
class _Pipe:
    """The reading end of what a process writes, and where its lines go."""

    fd: int
    prefix: bytes
    stream: BinaryIO
    rest: bytes = b""  # the beginning of a line


class _Process:
    """A program at work; `status` is None until it has ended."""

    def __init__(self, number: int, program: Program, streams: Sequence[BinaryIO]):
        self.number = number
        parent = os.getpid()
        self.process = subprocess.Popen(
            program.command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=os.environ | {"PYTHONUNBUFFERED": "1"} | dict(program.environment),
            # A terminal sends Ctrl-C to its whole foreground group: the program would get it
            # twice, and at the second one it leaves without saving.
            start_new_session=True,
            preexec_fn=lambda: _end_with(parent),
        )
        self.sent = 0  # of the signals that are passed on
        self.status: int | None = None
        self.hurried = False  # it was told to end, as another one had failed
        self.pipes = []
        for file, stream in zip((self.process.stdout, self.process.stderr), streams, strict=True):
            os.set_blocking(file.fileno(), False)
            self.pipes.append(_Pipe(file.fileno(), f"[{number}] ".encode(), stream))

    def ended(self) -> bool:
        """Returns whether it has ended just now, and if so ends what it has left behind."""
        flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
        if self.status is not None or not os.waitid(os.P_PID, self.process.pid, flags):
            return False
        # Before it is waited for, while its number cannot be another's.
        self.kill()
        code = self.process.wait()
        self.status = code if code >= 0 else 128 - code
        return True

    def kill(self) -> None:
        """Kills it and what it has started in its group."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)


def _end_with(parent: int) -> None:
    # Asked of the kernel, as nothing of ours is left to do it where the launcher itself is killed
    # by SIGKILL. SIGKILL here too: no program can put it off, and a killed run loses no more than
    # what it did since its last checkpoint.
    if _LIBC.prctl(_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")
    if os.getppid() != parent:  # it died before the kernel was asked
        os._exit(128 + signal.SIGKILL)


class Together:
    """Runs programs until all have ended.

    Each line that they write goes to this process's stdout or stderr, as it comes, behind `[i] `.
    Where one fails, the others have `grace` seconds to end by themselves, then get SIGTERM, and
    `last` seconds later SIGKILL. `stops` has the signals to pass on, each once to every program.
    """

    def __init__(
        self,
        programs: Sequence[Program],
        stops: StopSignals,
        grace: float = 60.0,
        last: float = 10.0,
    ):
        self._programs, self._stops = programs, stops
        self._grace, self._last = grace, last
        self._processes: list[_Process] = []
        self._failed: list[_Process] = []  # in the order of their ends
        self._selector = selectors.DefaultSelector()
        self._deadline: float | None = None

    def run(self) -> int:
        """Returns 0 if all have, else the status of the first that failed.

        128 + n where signal n ended it. A status of 75 counts only where there is no other: that
        one failed in consequence, and so did those that had to be told to end. Raises OSError
        where a program cannot be started.
        """
        with self._selector, _woken() as woken:
            self._selector.register(woken, selectors.EVENT_READ)
            try:
                for number, program in enumerate(self._programs):
                    streams = (sys.stdout.buffer, sys.stderr.buffer)
                    process = _Process(number, program, streams)
                    self._processes.append(process)
                    for pipe in process.pipes:
                        self._selector.register(pipe.fd, selectors.EVENT_READ, pipe)
                while self._tend():
                    self._wait(woken)
            finally:
                for process in self._processes:
                    if process.status is None:
                        process.kill()
                        process.process.wait()
        own = [process.status for process in self._failed if not process.hurried]
        return next((status for status in own if status != AGAIN), own[0] if own else 0)

    def _tend(self) -> bool:
        """Does what there is to do; returns whether any program is at work still."""
        self._pass_on()
        for process in self._processes:
            if process.ended():
                for pipe in process.pipes:
                    self._read_out(pipe)
                process.process.stdout.close()
                process.process.stderr.close()
                if process.status:
                    self._failed.append(process)
        at_work = [process for process in self._processes if process.status is None]
        if at_work and self._failed:
            self._hurry(at_work)
        return bool(at_work)

    def _pass_on(self) -> None:
        for process in self._processes:
            for number in self._stops.passed[process.sent :]:
                process.sent += 1
                process.process.send_signal(number)

    def _hurry(self, at_work: list[_Process]) -> None:
        now = time.monotonic()
        if self._deadline is None:
            self._deadline = now + self._grace
        if now < self._deadline:
            return
        hurried = all(process.hurried for process in at_work)
        names = ", ".join(str(process.number) for process in at_work)
        first = self._failed[0]
        print(
            f"process {names} still runs, though process {first.number} ended with status "
            f"{first.status}: {'SIGKILL' if hurried else 'SIGTERM'}",
            file=sys.stderr,
            flush=True,
        )
        for process in at_work:
            process.hurried = True
            if hurried:
                process.kill()
            else:
                process.process.terminate()
        self._deadline = float("inf") if hurried else now + self._last

    def _wait(self, woken: socket.socket) -> None:
        timeout = None
        if self._deadline not in (None, float("inf")):
            timeout = max(0.0, self._deadline - time.monotonic())
        for key, _ in self._selector.select(timeout):
            if key.fileobj is woken:
                woken.recv(_BYTES_READ)
            else:
                self._read(key.data)

    def _read(self, pipe: _Pipe) -> bool:
        """Takes what is there; returns whether there may be more."""
        try:
            read = os.read(pipe.fd, _BYTES_READ)
        except BlockingIOError:
            return False
        if not read:
            self._finish(pipe)
            return False
        *lines, pipe.rest = (pipe.rest + read).split(b"\n")
        self._write(pipe, *lines)
        return True

    def _read_out(self, pipe: _Pipe) -> None:
        # Not until the pipe's end: something that the program left behind may hold it open.
        if pipe.fd not in self._selector.get_map():
            return
        while self._read(pipe):
            pass
        if pipe.fd in self._selector.get_map():
            self._finish(pipe)

    def _finish(self, pipe: _Pipe) -> None:
        self._selector.unregister(pipe.fd)
        if pipe.rest:
            self._write(pipe, pipe.rest)

    def _write(self, pipe: _Pipe, *lines: bytes) -> None:
        try:
            pipe.stream.write(b"".join(pipe.prefix + line + b"\n" for line in lines))
            pipe.stream.flush()
        except OSError:
            # Nobody reads any more (`| head`), or the disk is full: the run is told to save, and
            # what else it says goes nowhere, also what Python itself would write at the end.
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, pipe.stream.fileno())
            os.close(nowhere)
            self._stops.receive(signal.SIGPIPE, signal.SIGTERM)


@contextmanager
def _woken() -> Iterator[socket.socket]:
    """Gives a socket that can be read when a signal has come: a child's end too."""
    reading, writing = socket.socketpair()
    with reading, writing:
        reading.setblocking(False)
        writing.setblocking(False)
        # Without a handler of its own, SIGCHLD wakes nobody.
        before = signal.signal(signal.SIGCHLD, lambda number, frame: None)
        woken_before = signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)
        try:
            yield reading
        finally:
            signal.set_wakeup_fd(woken_before)
            signal.signal(signal.SIGCHLD, before)
