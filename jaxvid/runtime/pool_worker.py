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

SECONDS_BETWEEN_SIGNS = 1.0  # of life, while a task is at the same thing
LEAVING = 5.0  # seconds that a task has to clean up where the parent process has died


@dataclass(frozen=True)
class Ready:
    """The process has started, and takes tasks."""


@dataclass(frozen=True)
class Sign:
    """A task lives; `at` is what it yielded."""

    at: Any


@dataclass(frozen=True)
class Piece:
    """A part of its result that a task yields before it has all."""

    content: Any


@dataclass(frozen=True)
class Answer:
    """What a task returned, or with `raises` the exception that it raised."""

    content: Any
    raises: bool = False


def work(pipe: Connection, function: Callable[[Any], Any]) -> None:
    """Does the tasks that come through a pipe, until it is closed or the parent process ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process: left to the parent
    # As an exception: what is half-written is then removed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    # A damaged video that crashes its decoder is no reason to fill the disk with a core file.
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    set_up_opencv()
    try:
        pipe.send(Ready())
        while True:
            _send(pipe, _answer(function, pipe.recv(), pipe))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return  # the parent process needs no more, or is no more


def _leave_with_parent() -> None:
    parent_process().join()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(LEAVING)
    os._exit(1)


def _answer(function: Callable[[Any], Any], task: Any, pipe: Connection) -> Answer:
    try:
        result = function(task)
        if not inspect.isgenerator(result):
            return Answer(result)
        at, told = None, 0.0
        while True:
            try:
                here = next(result)
            except StopIteration as end:
                return Answer(end.value)
            now = time.monotonic()
            if isinstance(here, Piece):
                pipe.send(here)
                told = now
            elif here != at or now - told > SECONDS_BETWEEN_SIGNS:
                pipe.send(Sign(here))
                at, told = here, now
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
    """Makes OpenCV use one thread in this process, and say nothing.

    For those who decode several videos at once: they share the cores among themselves already,
    and what is wrong with a video is theirs to say, not OpenCV's and FFmpeg's on the terminal.
    """
    cv2.setNumThreads(1)
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    os.environ["OPENCV_FFMPEG_LOGLEVEL"] = "-8"
