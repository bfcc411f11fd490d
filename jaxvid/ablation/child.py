"""A child process that gets the signals of this one."""

import os
import re
import shlex
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from jaxvid.runtime import stop_signals


class Child:
    """At most one process at a time, to which this process's signals are passed on."""

    def __init__(self) -> None:
        self.received = 0
        self._unsent: list[int] = []
        self._process: subprocess.Popen | None = None
        stop_signals.catch(self._receive)

    def _receive(self, number: int, passed: int) -> None:
        self.received = number
        self._unsent.append(passed)
        self._pass_on()

    def _pass_on(self) -> None:
        while self._process and self._unsent:
            self._process.send_signal(self._unsent.pop(0))

    def run(self, command: Sequence[str], log: Path) -> tuple[int, str]:
        """Runs a command, its output appended to a log.

        Returns its exit status, below 0 where a signal killed it, and its last line of output.
        """
        with log.open("ab", buffering=0) as output:
            output.write(f"\n{time.strftime('%F %T')} $ {shlex.join(command)}\n".encode())
            start = output.tell()
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=os.environ | {"PYTHONUNBUFFERED": "1"},
                # A terminal sends Ctrl-C to its whole foreground group: the child would get it
                # twice, and at the second one it leaves without saving.
                process_group=0,
            )
            self._pass_on()  # what came while there was no process yet
            status = self._process.wait()
            self._process = None
        with log.open("rb") as written:
            written.seek(start)
            lines = re.split(r"[\r\n]+", written.read().decode(errors="replace").strip())
        return status, lines[-1].strip()
