"""Video files through PyAV, FFmpeg's bindings: which stream is the video, its frames as shown.

Frames come as FFmpeg's own `ffmpeg` shows them: upright, at their pixels' aspect ratio, from their
colours' matrix and range; interlaced ones woven, as they are stored. Alpha is left out, and high
dynamic range is not mapped to a lower one.
"""

import itertools
import logging
import math
import re
import struct
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from av.sidedata.sidedata import Type
from av.stream import Disposition
from av.video.reformatter import Interpolation, VideoReformatter

from jaxvid.data.video_facts import DEFAULT_FPS, FASTEST, PAUSE, Facts, Span, VideoError

LARGEST = 2**26  # pixels of a frame: twice 8K; a header that states more is damaged
ASPECTS = (1 / 8, 8)  # of a pixel's width to its height that are believed
CUBIC = Interpolation.BICUBIC.value  # of shapes and colours, as `ffmpeg` has it
REMEDY = "convert it (ffmpeg -i VIDEO -c:v libx264 NEW.mp4), or try pip install --upgrade av"

Opened = tuple[av.container.InputContainer, av.VideoStream]

av.logging.set_skip_repeated(False)
_reading_log = threading.Lock()
logging.getLogger("libav").setLevel(logging.CRITICAL + 1)  # while `_log` reads FFmpeg's


def decoder() -> str:
    """Returns what decodes: PyAV's version and those of the FFmpeg libraries in it."""
    names = ("libavcodec", "libavformat", "libswscale")
    versions = (f"{n} {'.'.join(map(str, av.library_versions[n]))}" for n in names)
    return ", ".join([f"PyAV {av.__version__}", *versions])


@contextmanager
def opened(path: Path) -> Iterator[Opened]:
    """Gives the container of a file and its video stream. Raises VideoError, OSError."""
    if path.stat().st_size == 0:
        raise VideoError("the file is empty" if path.is_file() else "it is no file")
    with path.open("rb") as file:
        file.read(1)  # a disk that is gone, or a file that may not be read, is no damaged video
    try:
        container = av.open(str(path.absolute()), metadata_errors="ignore")
    except av.FFmpegError as error:
        raise VideoError(f"not a video that FFmpeg can open: {_reason(path, error)}") from None
    with closing(container):
        yield container, video_of(container)


def _log(name: str, level: int) -> list[str]:
    """Returns what FFmpeg logs where it opens a file: at other times its log goes nowhere."""
    with _reading_log, av.logging.Capture() as log:
        av.logging.set_level(level)
        try:
            av.open(name, metadata_errors="ignore").close()
        except av.FFmpegError:
            pass
        finally:
            av.logging.set_level(None)
    return [text.strip() for _, _, text in log if text.strip()]


def _reason(path: Path, error: av.FFmpegError) -> str:
    """Returns the last error in FFmpeg's log of opening a file, or else the error's own words."""
    lines = _log(str(path.absolute()), av.logging.ERROR)
    return lines[-1] if lines else error.strerror or str(error)


def video_of(container: av.container.InputContainer) -> av.VideoStream:
    """Returns the video stream of a container. Raises VideoError.

    Of several, one that is marked as the default, then the largest.
    Pictures that are attached, as the cover of a song, are none.
    """
    streams = container.streams.video
    videos = [s for s in streams if not s.disposition & Disposition.attached_pic]
    if not videos:
        raise VideoError(
            "it has no video, but for the picture of its cover" if streams else "it has no video"
        )
    decodable = [stream for stream in videos if stream.codec_context is not None]
    if not decodable:
        said = " ".join(_log(container.name, av.logging.WARNING))
        codec = re.search(r"\(Video: ([^,]+),", said)
        name = codec[1] if codec else "unknown"
        raise VideoError(f"FFmpeg ({decoder()}) has no decoder for its codec, {name}: {REMEDY}")
    return max(
        decodable, key=lambda s: (bool(s.disposition & Disposition.default), s.width * s.height)
    )


def rate(stream: av.VideoStream) -> float:
    """Returns the frames per second that a header states, 0 where it states none to believe."""
    for stated in (stream.guessed_rate, stream.average_rate):
        if stated and 1 / PAUSE <= stated <= FASTEST:
            return float(stated)
    return 0.0


def seconds(container: av.container.InputContainer, stream: av.VideoStream) -> float:
    """Returns the duration that a header states, 0 where it states none."""
    if stream.duration and stream.time_base:
        return max(0.0, float(stream.duration * stream.time_base))
    return max(0.0, (container.duration or 0) / av.time_base)


def size(stream: av.VideoStream) -> tuple[int, int]:
    """Returns the width and height of a stream's frames as they are stored, by its header."""
    return stream.width or 0, stream.height or 0


def frames(path: Path, facts: Facts, span: Span | None = None) -> Iterator[np.ndarray]:
    """Yields the frames of a file, or of a part, as shown, (H, W, 3) uint8 BGR; fills `facts`.

    A packet that is damaged is counted and left out, and the others go on. Raises VideoError.
    """
    for seek in (True, False):
        with opened(path) as (container, stream):
            width, height = size(stream)
            if width * height > LARGEST:
                raise VideoError(f"its header states frames of {width}x{height} pixels")
            facts.fps, length = rate(stream), seconds(container, stream)
            facts.stated = stream.frames or round(length * facts.fps)
            pictures, part = decoded(container, stream, facts), None
            if span is not None and not span.is_cut(length):
                pictures, part = _within(span, container, stream, facts, seek), span
            shown, clock, duration = Shown(stream), Clock(stream), 0
            try:
                for frame in pictures:
                    facts.times.append(clock(frame))
                    duration = frame.duration
                    yield shown(frame)
            except _LateError:
                continue
            facts.last = (duration or 0) * clock.unit
            if not facts.times and part is not None:
                raise VideoError(f"no frame is shown from {part.start:g} to {part.end:g} s of it")
            if not facts.times:
                fault = facts.fault and f": {facts.fault}"
                raise VideoError(f"no frame could be decoded{fault}")
            return


class _LateError(Exception):
    """A container was asked for the key frame before a time, and went to a later one."""


def _within(
    span: Span,
    container: av.container.InputContainer,
    stream: av.VideoStream,
    facts: Facts,
    seek: bool,
) -> Iterator[av.VideoFrame]:
    """Yields the decoded frames of a part of a stream; reads from the key frame before it on.

    `seek`: else from the beginning on. Raises _LateError, before the first frame.
    """
    facts.stated = 0 if math.isinf(span.end) else round((span.end - span.start) * facts.fps)
    clock, pictures = Clock(stream), decoded(container, stream, facts)
    first = next(pictures, None)
    if first is None:
        return
    if math.isnan(origin := clock(first)):  # none has a time
        numbers = span.frames(facts.fps or DEFAULT_FPS)
        yield from itertools.islice(itertools.chain([first], pictures), *numbers)
        return
    frame_length = 1 / facts.fps if facts.fps else 0.0
    begin, end = (origin + time - frame_length / 2 for time in (span.start, span.end))
    pictures, seeks = itertools.chain([first], pictures), seek and begin > origin
    if seeks:
        try:
            container.seek(int(begin / clock.unit), stream=stream)
        except av.FFmpegError:
            raise _LateError from None
        pictures = decoded(container, stream, facts)
    now, found = -math.inf, False
    for frame in pictures:
        stamp = clock(frame)
        now = now + frame_length if math.isnan(stamp) else stamp
        if seeks and now >= begin + frame_length:
            raise _LateError
        seeks = False
        if now >= end:
            return
        if now >= begin:
            if not found:  # what was damaged before is no part of it
                facts.damaged, found = int(frame.is_corrupt), True
            yield frame


def decoded(
    container: av.container.InputContainer, stream: av.VideoStream, facts: Facts
) -> Iterator[av.VideoFrame]:
    """Yields a stream's frames in the order in which they are shown; counts the damaged ones."""
    codec = stream.codec_context
    # Workers that share the cores have one thread each, as OpenCV has in them. Threads by frames
    # would lose those that follow a damaged one.
    if not codec.is_open:
        codec.thread_count, codec.thread_type = max(1, cv2.getNumThreads()), "SLICE"
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except av.FFmpegError as error:  # it ends within a packet
            facts.damaged, facts.fault = facts.damaged + 1, error.strerror or ""
            packet = None
        except IndexError:  # PyAV at the end of a file in which another stream began midway
            packet = None
        try:
            for frame in codec.decode(packet):
                facts.damaged += frame.is_corrupt
                yield frame
        except av.FFmpegError as error:
            if packet is not None:
                facts.damaged, facts.fault = facts.damaged + 1, error.strerror or ""
        if packet is None:
            return


class Clock:
    """Returns when a frame is shown by its own timestamp, seconds; not a number without one.

    AVI files number frames as they are decoded and no other way: the decoding time stands there.
    """

    def __init__(self, stream: av.VideoStream):
        self.unit = float(stream.time_base or math.nan)
        self._by_decoding = stream.container.format.name == "avi"

    def __call__(self, frame: av.VideoFrame) -> float:
        stamp = frame.dts if self._by_decoding else frame.pts
        return math.nan if stamp is None else stamp * self.unit


class Shown:
    """Turns a stream's decoded frames into what is shown, (H, W, 3) uint8 BGR."""

    def __init__(self, stream: av.VideoStream):
        aspect = float(stream.sample_aspect_ratio or 1)
        self._aspect = aspect if ASPECTS[0] <= aspect <= ASPECTS[1] else 1.0
        self._reformat = VideoReformatter().reformat
        self._matrix: tuple[int, ...] | None = None

    def __call__(self, frame: av.VideoFrame) -> np.ndarray:
        width, height = max(1, round(frame.width * self._aspect)), frame.height
        if width * height > LARGEST:
            raise VideoError(f"it has frames of {width}x{height} pixels")
        bgr = self._reformat(frame, width, height, "bgr24", interpolation=CUBIC, threads=1)
        plane: Any = bgr.planes[0]
        if plane.line_size < 0:  # stored from the last row up, and handed on without conversion
            rgb = self._reformat(frame, width, height, "rgb24", interpolation=CUBIC, threads=1)
            return rgb.to_ndarray()[..., ::-1].copy()
        # No copy: OpenCV takes rows that are padded.
        image = np.ndarray((height, width, 3), np.uint8, plane, 0, (plane.line_size, 3, 1))
        if self._matrix is None:
            beside: Any = frame.side_data
            data = beside.get(Type.DISPLAYMATRIX)
            self._matrix = struct.unpack("=9i", bytes(data)) if data else ()
        return _upright(image, self._matrix) if self._matrix else image


def _upright(image: np.ndarray, matrix: tuple[int, ...]) -> np.ndarray:
    """Returns an image turned and mirrored by a display matrix, to the nearest quarter turn."""
    right, down = matrix[0], matrix[4]
    if abs(matrix[1]) > abs(matrix[0]):
        image, right, down = image.transpose(1, 0, 2), matrix[3], matrix[1]
    return np.ascontiguousarray(image[:: -1 if down < 0 else 1, :: -1 if right < 0 else 1])
