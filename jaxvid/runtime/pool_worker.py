"""A worker process of `jaxvid.runtime.process_pool`, seen from inside."""

import inspect
import os
import pickle
import resource
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import parent_process
from multiprocessing.connection import Connection
from typing import Any

import cv2

from jaxvid.runtime import heap

PERIOD = 1.0  # seconds between reports of the same progress
LEAVING = 5.0  # seconds that a task has to clean up after the parent process has died


@dataclass(frozen=True)
class Ready:
    """The process has started and takes tasks."""


@dataclass(frozen=True)
class Progress:
    """A task is alive; `at` is what it yielded."""

    at: Any


@dataclass(frozen=True)
class Piece:
    """A part of its result that a task yields before it returns."""

    content: Any


@dataclass(frozen=True)
class Answer:
    """What a task returned or, with `raises`, the exception that it raised."""

    content: Any
    raises: bool = False


Message = Ready | Progress | Piece | Answer


def work(pipe: Connection, function: Callable[[Any], Any]) -> None:
    """Does the tasks that come through a pipe, until it is closed or the parent process ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process: left to the parent
    # As an exception, so that half-written files are removed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    threading.Thread(target=_exit_with_parent, daemon=True).start()
    # A damaged video that crashes its decoder must not fill the disk with a core file.
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    set_up_opencv()
    heap.keep()
    try:
        pipe.send(Ready())
        while True:
            _send(pipe, _answer(function, pipe.recv(), pipe))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return  # the parent process has no more tasks, or has ended


def _exit_with_parent() -> None:
    if parent := parent_process():
        parent.join()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(LEAVING)
    os._exit(1)


def _answer(function: Callable[[Any], Any], task: Any, pipe: Connection) -> Answer:
    try:
        result = function(task)
        if not inspect.isgenerator(result):
            return Answer(result)
        at, sent = None, time.monotonic()
        while True:
            try:
                yielded = next(result)
            except StopIteration as end:
                return Answer(end.value)
            now = time.monotonic()
            if isinstance(yielded, Piece):
                pipe.send(yielded)
                sent = now
            elif yielded != at or now - sent > PERIOD:
                pipe.send(Progress(yielded))
                at, sent = yielded, now
    except Exception as error:
        error.add_note("in a worker process:\n" + "".join(traceback.format_tb(error.__traceback__)))
        return Answer(error, raises=True)


def _send(pipe: Connection, answer: Answer) -> None:
    try:
        data = pickle.dumps(answer)
        if answer.raises:
            pickle.loads(data)  # not every exception can be rebuilt elsewhere
    except Exception as error:
        shown = answer.content if answer.raises else error
        data = pickle.dumps(Answer(RuntimeError("".join(traceback.format_exception(shown))), True))
    pipe.send_bytes(data)


def set_up_opencv() -> None:
    """Makes OpenCV use one thread in this process, and print nothing.

    For processes that decode several videos at once: these already share the cores, and report
    damaged videos themselves.
    """
    cv2.setNumThreads(1)
    if hasattr(cv2, "setLogLevel"):  # up to version 4.12
        cv2.setLogLevel(0)
    else:
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    os.environ["OPENCV_FFMPEG_LOGLEVEL"] = "-8"
