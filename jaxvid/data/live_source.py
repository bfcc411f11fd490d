"""Cameras and streams that are open-ended: frames at an even rate, for as long as they come."""

import itertools
import math
import queue
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator

import cv2
import numpy as np

from jaxvid.data.modalities import Modality
from jaxvid.data.video import DEFAULT_FPS, UNEVEN
from jaxvid.errors import UserError

SOURCE = re.compile(r"webcam:(\d+)|(rtsps?|rtmp|udp|tcp|https?|file)://.+")
WILL_NOT_WAIT = ("webcam", "rtsp", "rtmp", "udp")  # what is not read in time is lost there
AHEAD = 10.0  # seconds of frames that wait to be taken
PAUSE = 600.0  # seconds; a frame that a file shows for longer is damage


def is_source(name: str) -> bool:
    """Says whether a name is that of a camera or stream: webcam:0, or a URL such as rtsp://."""
    return SOURCE.fullmatch(name) is not None


class Camera:
    """A camera or stream that is read in a thread; a context manager.

    `fps`: of its frames, as it states them; 25 where it states none. `waits`: whether it can be
    read at any pace, as a file can. Raises UserError where it cannot be opened.
    """

    def __init__(self, name: str):
        self.name = name
        webcam = re.fullmatch(r"webcam:(\d+)", name)
        self._capture = cv2.VideoCapture(int(webcam[1]) if webcam else name)
        if not self._capture.isOpened():
            raise UserError(f"{name} cannot be opened: is it there, and is no other program on it?")
        fps = self._capture.get(cv2.CAP_PROP_FPS)
        self.fps = fps if math.isfinite(fps) and 1 <= fps <= 240 else DEFAULT_FPS
        self.waits = not name.startswith(WILL_NOT_WAIT)
        self._by_clock = webcam is not None
        self._queue: queue.Queue[tuple[bytes, ...] | BaseException | None] = queue.Queue(
            maxsize=max(1, round(AHEAD * self.fps))
        )
        self._stopped = threading.Event()

    def __enter__(self) -> "Camera":
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()

    @property
    def behind(self) -> float:
        """The seconds of frames that wait to be taken."""
        return self._queue.qsize() / self.fps

    def frames(self, modalities: list[Modality]) -> Iterator[tuple[bytes, ...]]:
        """Yields the frames as they are stored, one piece of bytes per modality, until the end."""
        threading.Thread(target=self._read, args=(modalities,), daemon=True).start()
        count = 0
        while True:
            try:
                pieces = self._queue.get(timeout=0.2)  # so that Ctrl-C is heard
            except queue.Empty:
                continue
            if isinstance(pieces, BaseException):
                raise pieces
            if pieces is None:
                break
            count += 1
            yield pieces
        if not count:
            raise UserError(f"{self.name} gives no frames")

    def _read(self, modalities: list[Modality]) -> None:
        try:
            frames: Iterable[np.ndarray] = self._decoded()
            if self._by_clock:
                frames = evenly(frames, self.fps)
            elif self.name.startswith("file:"):
                frames = evenly(frames, self.fps, Times(self._seconds, self.fps), holds=True)
            copies = itertools.tee(frames, len(modalities))
            stored = (s.encode_frames(c) for s, c in zip(modalities, copies, strict=True))
            for pieces in zip(*stored, strict=True):
                self._put(pieces)
            self._put(None)
        except BaseException as error:  # raised again in who takes the frames
            self._put(error)
        finally:
            self._capture.release()

    def _decoded(self) -> Iterator[np.ndarray]:
        while not self._stopped.is_set():
            whole, frame = self._capture.read()
            if not whole:
                return
            yield frame

    def _seconds(self) -> float:
        return self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000

    def _put(self, item: tuple[bytes, ...] | BaseException | None) -> None:
        while not self._stopped.is_set():
            try:
                self._queue.put(item, timeout=0.2 if self.waits else 0)
                return
            except queue.Full:
                if not self.waits:
                    self._queue.get_nowait()


class Times:
    """The clock of a file that is read as it comes: the time of each frame, seconds, when called.

    `stated`: gives the time that the file states. An even rate of `fps` is believed in its place
    where the two differ by no more than times are rounded, where the stated ones do not increase,
    and where one is `PAUSE` away.
    """

    def __init__(self, stated: Callable[[], float], fps: float):
        self._stated, self._fps = stated, fps
        self._last: tuple[float, float] | None = None  # the time stated, and the one given

    def __call__(self) -> float:
        stated = given = self._stated()
        if self._last is not None:
            even = self._last[1] + 1 / self._fps
            off = abs(stated - even)
            if stated <= self._last[0] or off * self._fps <= UNEVEN or off >= PAUSE:
                given = even
        self._last = stated, given
        return given


def evenly(
    frames: Iterable[np.ndarray],
    fps: float,
    clock: Callable[[], float] = time.monotonic,
    holds: bool = False,
) -> Iterator[np.ndarray]:
    """Yields the frames of a camera at `fps` a second, whatever its own rate is.

    A frame is repeated where the camera is slower, in the dark for one, and left out where it is
    faster. `clock`: the time in seconds. `holds`: a frame stays on screen until the next one, as in
    a file; otherwise one that is late fills the time before it.
    """
    start: float | None = None
    count = 0
    before: np.ndarray | None = None
    for frame in frames:
        now = clock()
        start = now if start is None else start
        due = int((now - start) * fps + 1e-6) + 1
        if due > count:
            filling = before if holds else frame
            yield from itertools.repeat(filling, due - count - 1)
            yield frame
        count, before = max(count, due), frame
