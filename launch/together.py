"""Several processes at once: their output, the signals for them, and the end of all with one."""

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
from typing import IO, BinaryIO

from jaxvid.errors import AGAIN
from jaxvid.runtime.signals import ForwardedSignals

_SET_PDEATHSIG = 1  # PR_SET_PDEATHSIG of linux/prctl.h
_LIBC = ctypes.CDLL(None, use_errno=True)
_BYTES_READ = 1 << 16


@dataclass(frozen=True)
class Program:
    """A command, and the variables that are added to this process's environment for it."""

    command: Sequence[str]
    environment: Mapping[str, str]


@dataclass
class _Pipe:
    """The reading end of a process's output, and the file to which its lines are written."""

    source: IO[bytes]
    prefix: bytes
    output: BinaryIO
    rest: bytes = b""  # the beginning of a line


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
        self.pipes = []
        for source, output in (
            (self.process.stdout, sys.stdout.buffer),
            (self.process.stderr, sys.stderr.buffer),
        ):
            assert source  # both are PIPE
            os.set_blocking(source.fileno(), False)
            self.pipes.append(_Pipe(source, f"[{number}] ".encode(), output))

    def ended(self) -> bool:
        """Returns whether it has ended since the last call; if so, kills what it has started."""
        flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
        if self.status is not None or not os.waitid(os.P_PID, self.process.pid, flags):
            return False
        self.kill()  # before `wait`, while no other process can have its number
        code = self.process.wait()
        self.status = code if code >= 0 else 128 - code
        return True

    def kill(self) -> None:
        """Kills it and what it has started in its process group."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)


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
        self._programs, self._signals = programs, signals
        self._grace, self._last = grace, last
        self._processes: list[_Process] = []
        self._failed: list[_Process] = []  # in the order of their ends
        self._selector = selectors.DefaultSelector()
        self._deadline: float | None = None

    def run(self) -> int:
        """Returns 0 if all have, else the status of the first that failed.

        128 + n if signal n ended it. 75 counts only without another status, because it is the
        consequence of a failure; so is the end of terminated programs, which never counts. Raises
        OSError if a program cannot be started.
        """
        with self._selector, _woken() as woken:
            self._selector.register(woken, selectors.EVENT_READ)
            try:
                for number, program in enumerate(self._programs):
                    process = _Process(number, program)
                    self._processes.append(process)
                    for pipe in process.pipes:
                        self._selector.register(pipe.source, selectors.EVENT_READ, pipe)
                while self._tend():
                    self._wait(woken)
            finally:
                for process in self._processes:
                    if process.status is None:
                        process.kill()
                        process.process.wait()
        own = [process.status or 0 for process in self._failed if not process.terminated]
        return next((status for status in own if status != AGAIN), own[0] if own else 0)

    def _tend(self) -> bool:
        """Forwards signals and handles ends; returns whether any program still runs."""
        for process in self._processes:
            for number in self._signals.to_forward[process.sent :]:
                process.sent += 1
                process.process.send_signal(number)
        for process in self._processes:
            if process.ended():
                for pipe in process.pipes:
                    self._read_out(pipe)
                    pipe.source.close()
                if process.status:
                    self._failed.append(process)
        running = [process for process in self._processes if process.status is None]
        if running and self._failed:
            self._terminate(running)
        return bool(running)

    def _terminate(self, running: list[_Process]) -> None:
        """Ends the programs that still run at the deadline after a failure."""
        now = time.monotonic()
        if self._deadline is None:
            self._deadline = now + self._grace
        if now < self._deadline:
            return
        again = all(process.terminated for process in running)
        names = ", ".join(str(process.number) for process in running)
        first = self._failed[0]
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

    def _wait(self, woken: socket.socket) -> None:
        timeout = None
        if self._deadline is not None and self._deadline < float("inf"):
            timeout = max(0.0, self._deadline - time.monotonic())
        for key, _ in self._selector.select(timeout):
            if key.fileobj is woken:
                woken.recv(_BYTES_READ)
            else:
                self._read(key.data)

    def _read(self, pipe: _Pipe) -> bool:
        """Writes the lines that have arrived; returns whether there may be more."""
        try:
            read = os.read(pipe.source.fileno(), _BYTES_READ)
        except BlockingIOError:
            return False
        if not read:
            self._finish(pipe)
            return False
        *lines, pipe.rest = (pipe.rest + read).split(b"\n")
        self._write(pipe, *lines)
        return True

    def _read_out(self, pipe: _Pipe) -> None:
        # Not until the end of the pipe: a process that the program has left may hold it open.
        while pipe.source in self._selector.get_map() and self._read(pipe):
            pass
        if pipe.source in self._selector.get_map():
            self._finish(pipe)

    def _finish(self, pipe: _Pipe) -> None:
        self._selector.unregister(pipe.source)
        if pipe.rest:
            self._write(pipe, pipe.rest)

    def _write(self, pipe: _Pipe, *lines: bytes) -> None:
        try:
            pipe.output.write(b"".join(pipe.prefix + line + b"\n" for line in lines))
            pipe.output.flush()
        except OSError:
            # The reader has gone (`| head`), or the disk is full: the run saves and exits, without
            # further output, also of Python itself at the end.
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, pipe.output.fileno())
            os.close(nowhere)
            self._signals.receive(signal.SIGPIPE)


@contextmanager
def _woken() -> Iterator[socket.socket]:
    """Yields a socket that is readable after a signal, also after the end of a child."""
    reading, writing = socket.socketpair()
    with reading, writing:
        reading.setblocking(False)
        writing.setblocking(False)
        # Without a handler of its own, SIGCHLD has no effect.
        before = signal.signal(signal.SIGCHLD, lambda number, frame: None)
        woken_before = signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)
        try:
            yield reading
        finally:
            signal.set_wakeup_fd(woken_before)
            signal.signal(signal.SIGCHLD, before)
