"""Cameras and streams that are open-ended: frames at an even rate, for as long as they come."""

import itertools
import math
import re
import time
from collections.abc import Callable, Iterable, Iterator

import av
import numpy as np

from jaxvid.data import video_container
from jaxvid.data.modalities import Modality
from jaxvid.data.video_facts import DEFAULT_FPS, PAUSE, UNEVEN, Facts, VideoError
from jaxvid.errors import UserError
from jaxvid.runtime.read_ahead import Ahead

SOURCE = re.compile(r"webcam:(\d+)|(rtsps?|rtmp|udp|tcp|https?|file)://.+")
WILL_NOT_WAIT = ("webcam", "rtsp", "rtmp", "udp")  # what is not read in time is lost there
AHEAD = 10.0  # seconds of frames that wait to be taken
SILENCE = 30.0  # seconds after which a stream that sends nothing counts as ended


def is_source(name: str) -> bool:
    """Returns whether a name is that of a camera or stream: webcam:0, or a URL such as rtsp://."""
    return SOURCE.fullmatch(name) is not None


class Camera:
    """A camera or stream that is read in a thread; a context manager.

    `fps`: of its frames, as it states them; 25 where it states none. `waits`: whether it can be
    read at any pace, as a file can. Raises UserError where it cannot be opened.
    """

    def __init__(self, name: str):
        self.name = name
        webcam = re.fullmatch(r"webcam:(\d+)", name)
        try:
            self._container = av.open(
                f"/dev/video{webcam[1]}" if webcam else name,
                format="v4l2" if webcam else None,
                options={"rtsp_transport": "tcp"} if name.startswith("rtsp") else {},
                timeout=None if webcam else SILENCE,
                metadata_errors="ignore",
            )
            try:
                self._stream = video_container.video_of(self._container)
            except VideoError:
                self._container.close()
                raise
        except (av.FFmpegError, VideoError) as error:
            raise UserError(
                f"{name} cannot be opened: is it there, and is no other program on it? ({error})"
            ) from None
        self.fps = video_container.rate(self._stream) or DEFAULT_FPS
        self._seconds = 0.0
        self.waits = not name.startswith(WILL_NOT_WAIT)
        self._by_clock = webcam is not None
        self._frames: Ahead[tuple[bytes, ...]] | None = None

    def __enter__(self) -> "Camera":
        return self

    def __exit__(self, *_: object) -> None:
        if self._frames:
            self._frames.stop()
        else:
            self._container.close()

    @property
    def behind(self) -> float:
        """The seconds of frames that wait to be taken."""
        return self._frames.waiting / self.fps if self._frames else 0.0

    def frames(self, modalities: list[Modality]) -> Iterator[tuple[bytes, ...]]:
        """Yields the frames as they are stored, one piece of bytes per modality, until the end."""
        ahead = round(AHEAD * self.fps)
        self._frames = Ahead(self._encoded(modalities), ahead, drops=not self.waits)
        count = 0
        try:
            for pieces in self._frames:
                count += 1
                yield pieces
        except VideoError as error:
            raise UserError(f"{self.name}: {error}") from None
        if not count:
            raise UserError(f"{self.name} gives no frames")

    def _encoded(self, modalities: list[Modality]) -> Iterator[tuple[bytes, ...]]:
        frames = self._decoded()
        if self._by_clock:
            frames = evenly(frames, self.fps)
        elif self.name.startswith("file:"):
            frames = evenly(frames, self.fps, Times(lambda: self._seconds, self.fps), holds=True)
        copies = itertools.tee(frames, len(modalities))
        stored = (m.encode_frames(c) for m, c in zip(modalities, copies, strict=True))
        yield from zip(*stored, strict=True)

    def _decoded(self) -> Iterator[np.ndarray]:
        shown, clock = video_container.Shown(self._stream), video_container.Clock(self._stream)
        try:
            for frame in video_container.decoded(self._container, self._stream, Facts()):
                self._seconds = clock(frame)
                yield shown(frame)
        except av.FFmpegError as error:
            raise VideoError(f"FFmpeg cannot decode it: {error.strerror}") from None
        finally:
            self._container.close()


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
        stated = self._stated()
        given = stated if math.isfinite(stated) else 0.0
        if self._last is not None:
            even = self._last[1] + 1 / self._fps
            off = abs(stated - even)
            if not stated > self._last[0] or off * self._fps <= UNEVEN or off >= PAUSE:
                given = even
            if math.isnan(stated):
                stated = self._last[0]
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
