"""Work on files in several processes."""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import cv2

from jaxvid.errors import UserError


def run(
    function: Callable[[Any], Any],
    tasks: Sequence[Any],
    workers: int = 0,
    name: Callable[[Any], str] = str,
) -> Iterator[tuple[Any, Any]]:
    """Calls a module's function on each task in a pool and yields (task, result) as they come.

    `workers`: processes; 0: one per core. `name`: of a task, for the user. An interruption or an
    error starts no further task, waits for those that run, and is raised. Raises UserError where a
    process dies, naming the tasks that were in work.
    """
    workers = max(1, min(workers or os.cpu_count() or 1, len(tasks)))
    # Not forked: the caller's process may have threads, JAX's among them.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, context, initializer=_set_up_worker)
    open_tasks = list(tasks)
    try:
        futures = {pool.submit(function, task): task for task in tasks}
        for future in as_completed(futures):
            result = future.result()
            open_tasks.remove(futures[future])
            yield futures[future], result
    except BrokenProcessPool:
        # Tasks are taken in order: what was in work are the first that are still open.
        suspects = ", ".join(name(task) for task in open_tasks[: workers + 1])
        raise UserError(
            "a worker process died: out of memory, or a file that crashes its decoder; in work "
            f"were {suspects}; the same command continues with the rest"
        ) from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _set_up_worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process: left to the parent
    set_up_opencv()


def set_up_opencv() -> None:
    """Makes OpenCV use one thread in this process, and say nothing.

    For those who decode several videos at once: they share the cores among themselves already,
    and what is wrong with a video is theirs to say, not OpenCV's and FFmpeg's on the terminal.
    """
    cv2.setNumThreads(1)
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    os.environ["OPENCV_FFMPEG_LOGLEVEL"] = "-8"
