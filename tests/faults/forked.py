"""Processes of the command line that begin where others have imported everything.

Imports take half the time of a run on a tiny dataset. One process does them, and forks the runs.
It has started no JAX backend, and with it none of JAX's threads.
"""

import atexit
import functools
import gc
import importlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import short

MODULES = (
    "jaxvid.cli.flags",
    "jaxvid.cli.train",
    "jaxvid.evaluation.evaluate",
    "jaxvid.evaluation.metrics",
    "jaxvid.models.build",
    "jaxvid.models.c3d",
    "jaxvid.models.pooling",
    "jaxvid.models.recognizer",
    "jaxvid.training.trainer",
    "jaxvid.workdir.embeddings",
)
FOLDERS = [str(Path(__file__).parent), str(Path(short.__file__).parent)]
SERVER = f"import sys; sys.path += {FOLDERS}; import forked; forked.serve()"


class Forked:
    """A process, with those of Popen's methods that jobs use."""

    def __init__(self, pid: int):
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None:
            self.returncode = _server().ask(pid=self.pid)
        return self.returncode

    def wait(self, timeout: float) -> int:
        deadline = time.monotonic() + timeout
        while (status := self.poll()) is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(f"process {self.pid}", timeout)
            time.sleep(0.005)
        return status

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(9)


def start(arguments: Sequence[str], environment: Mapping[str, str], output: Path) -> Forked:
    """Starts the command line, which prints to a file; as `jobs.start`."""
    asked = {"arguments": [*arguments], "environment": {**environment}, "output": str(output)}
    return Forked(_server().ask(**asked))


class _Server:
    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", SERVER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            # As the main program sets them, which cannot before the imports here.
            env=os.environ
            | {"JAX_PLATFORMS": "cpu", "TF_CPP_MIN_LOG_LEVEL": "2", "OPENCV_LOG_LEVEL": "SILENT"},
        )
        atexit.register(self._process.communicate)

    def ask(self, **question: Any) -> Any:
        assert self._process.stdin
        assert self._process.stdout
        print(json.dumps(question), file=self._process.stdin, flush=True)
        return json.loads(self._process.stdout.readline())


@functools.cache
def _server() -> _Server:
    return _Server()


def serve() -> None:
    """Starts the processes that are asked for, and says how they end."""
    short.shorten()
    short.load_tensorboard()
    for name in MODULES:
        importlib.import_module(name)
    gc.freeze()  # what is imported stays
    for line in sys.stdin:
        asked = json.loads(line)
        if "pid" in asked:
            pid, status = os.waitpid(asked["pid"], os.WNOHANG)
            answer = os.waitstatus_to_exitcode(status) if pid else None
        else:
            answer = os.fork()
            if not answer:
                _become(**asked)
                short.run()
        print(json.dumps(answer), flush=True)


def _become(arguments: Sequence[str], environment: Mapping[str, str], output: str) -> None:
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["jaxvid", *arguments]
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    printed = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(printed, 1)
    os.dup2(printed, 2)
