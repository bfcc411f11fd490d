"""A child process to which the signals of this one are forwarded."""

import os
import re
import shlex
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from jaxvid.runtime.signals import ForwardedSignals


class Child:
    """At most one process at a time."""

    def __init__(self) -> None:
        self._process: subprocess.Popen | None = None
        self._signals = ForwardedSignals(self._forward)

    @property
    def received(self) -> int:
        """The number of the last signal, 0 before any."""
        return self._signals.received

    def _forward(self) -> None:
        while self._process and self._signals.to_forward:
            self._process.send_signal(self._signals.to_forward.pop(0))

    def run(self, command: Sequence[str], log: Path) -> tuple[int, str]:
        """Runs a command, and appends its output to a log.

        Returns its exit status, below 0 if a signal killed it, and the last line of its output.
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
                # twice, and the second one ends it without saving.
                process_group=0,
            )
            self._forward()  # signals from before the process
            status = self._process.wait()
            self._process = None
        with log.open("rb") as written:
            written.seek(start)
            lines = re.split(r"[\r\n]+", written.read().decode(errors="replace").strip())
        return status, lines[-1].strip()
