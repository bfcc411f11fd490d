"""The copy of one video with a text drawn on each frame: light, for a process of its own.

Where a video's rate varies, its copy has an even one and lasts as long: frames that are long on
screen are repeated. A side of an odd length gets one more black line, which MPEG-4 requires. The
copy of a file of joints shows people as sticks.
"""

import math
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, suppress
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

import av
import cv2
import numpy as np

from jaxvid.data import skeleton_pictures, video
from jaxvid.data.modalities import Skeletons
from jaxvid.data.skeleton_files import FORMATS
from jaxvid.data.video import VideoError
from jaxvid.runtime import fonts
from jaxvid.skeletons import SKELETONS

SIDE = 480  # pixels of a picture of joints
FASTEST = 60.0  # frames per second of the copy of a video whose rate varies
CODEC: Final = "mpeg4"
LARGEST_RATE = 65535

Texts = Sequence[tuple[float, str]]  # until how many seconds each is shown; the last one to the end


class Copying(NamedTuple):
    """A video, or a file of such `joints`, the texts on it, and the file to write its copy into.

    `name`: the copy's own, in messages.
    """

    path: Path
    joints: Skeletons | None
    texts: Texts
    file: Path
    name: Path


def written(task: Copying) -> Iterator[None]:
    """Writes a copy, and yields at each frame.

    Raises VideoError where the video does not decode, OSError where the copy is not written whole.
    """
    path, joints, texts, file, name = task
    if joints:
        facts = video.Facts(fps=joints.frames_per_second(path))
        frames = _sticks(path, joints)
    else:
        facts = video.Facts()
        for _ in video.decoded(video.decode(path, facts)):
            yield  # whether the rate varies is known at the end
        frames = video.decode(path)
    fps, ends = _schedule(facts)
    try:
        count = yield from _encode(file, _labelled(frames, texts, fps, ends), fps)
        facts = video.Facts()
        with suppress(VideoError):
            next(video.decode(file, facts))
    except OSError as error:
        raise OSError(f"{name} could not be written: {error.strerror or error}") from None
    if facts.stated != count:  # an encoder does not report every full disk
        raise OSError(f"{name} could not be written whole: is the disk full?")


def _sticks(path: Path, joints: Skeletons) -> Iterator[np.ndarray]:
    """Yields the frames of a file of joints as pictures, (H, W, 3) uint8 BGR."""
    form = FORMATS[joints.format]
    read = form.read(path, joints.people)
    for picture in skeleton_pictures.drawn(read, SKELETONS[form.joints], SIDE):
        yield cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)


def _labelled(
    frames: Iterator[np.ndarray], texts: Texts, fps: float, ends: np.ndarray | None
) -> Iterator[np.ndarray]:
    """Yields the frames of a copy of a video at `fps`, (H, W, 3) uint8 BGR, of even sides."""
    place = count = 0
    for i, frame in enumerate(video.decoded(frames)):
        # An odd row or column would be cut off: black ones are added.
        odd = (0, frame.shape[0] % 2, 0, frame.shape[1] % 2)
        frame = cv2.copyMakeBorder(frame, *odd, cv2.BORDER_CONSTANT)
        while count < (i + 1 if ends is None else ends[i]):
            while place < len(texts) - 1 and texts[place][0] <= count / fps:
                place += 1
            yield drawn(frame, texts[place][1])
            count += 1


def _encode(file: Path, frames: Iterator[np.ndarray], fps: float) -> Generator[None, None, int]:
    """Writes a video of frames, (H, W, 3) uint8 BGR, yields at each, and returns how many.

    One bit a pixel: labels and pictures stay sharp. Raises VideoError, OSError.
    """
    count = 0
    try:
        with closing(av.open(str(file), "w")) as container:
            # MPEG-4 counts time in at most LARGEST_RATE parts of a second.
            rate = Fraction(fps).limit_denominator(max(1, min(1001, int(LARGEST_RATE / fps))))
            stream = container.add_stream(CODEC, rate=rate)
            for frame in frames:
                if not count:
                    stream.height, stream.width = frame.shape[:2]
                    stream.pix_fmt = "yuv420p"
                    stream.bit_rate = min(round(frame.shape[0] * frame.shape[1] * fps), 2**30)
                picture = av.VideoFrame.from_ndarray(frame, format="bgr24")
                picture.pts, picture.time_base = count, 1 / rate
                container.mux(stream.encode(picture))
                count += 1
                yield
            if count:
                container.mux(stream.encode())
    except av.FFmpegError as error:
        if isinstance(error, OSError):
            raise
        raise VideoError(f"its copy cannot be encoded as {CODEC}: {error.strerror}") from None
    return count


def _schedule(facts: video.Facts) -> tuple[float, np.ndarray | None]:
    """Returns a copy's rate and, where the video's varies, its frames up to each of the video's."""
    fps, times = facts.clock()
    if times is None:
        return fps, None
    # Quick frames are kept, up to a rate that players take; MPEG-4 requires a simple number.
    rate = math.ceil(max(fps, min(1 / np.diff(times).min(), FASTEST)) - 0.01)
    ends = np.append(times[1:], len(times) / fps)
    return rate, np.ceil(ends * rate - 1e-6).astype(int)


def drawn(frame: np.ndarray, text: str) -> np.ndarray:
    """Returns a frame (H, W, 3) uint8 with white text on a black band in its upper left corner.

    OpenCV draws it; where that lacks characters, the installed fonts do, or it shows their code.
    """
    height, width = frame.shape[:2]
    lacking = {sign for sign in text if not _is_drawn(sign)}
    if lacking and not fonts.missing(text):
        return _pasted(frame, _picture(text, max(6, round(height / 23)), width - 8))
    shown = fonts.escaped(text, lacking)
    font, scale = cv2.FONT_HERSHEY_SIMPLEX, max(0.3, height / 480)
    thickness = max(1, round(scale * 1.5))
    (wide, high), below = cv2.getTextSize(shown, font, scale, thickness)
    if wide > width - 8:  # smaller letters
        scale, thickness = scale * (width - 8) / wide, 1
        (wide, high), below = cv2.getTextSize(shown, font, scale, thickness)
    copy = frame.copy()
    cv2.rectangle(copy, (0, 0), (wide + 8, high + below + 8), (0, 0, 0), cv2.FILLED)
    white = (255, 255, 255)
    cv2.putText(copy, shown, (4, high + 4), font, scale, white, thickness, cv2.LINE_AA)
    return copy


def _pasted(frame: np.ndarray, picture: np.ndarray) -> np.ndarray:
    high, wide = (min(a, b - 4) for a, b in zip(picture.shape, frame.shape, strict=False))
    copy = frame.copy()
    cv2.rectangle(copy, (0, 0), (wide + 8, high + 8), (0, 0, 0), cv2.FILLED)
    copy[4 : high + 4, 4 : wide + 4] = picture[:high, :wide, None]
    return copy


@lru_cache(maxsize=16)  # a label stays for many frames
def _picture(text: str, high: int, widest: int) -> np.ndarray:
    picture = fonts.picture(text, high)
    if picture.shape[1] > widest:
        picture = fonts.picture(text, max(4, high * widest // picture.shape[1]))
    return picture


@lru_cache(maxsize=1024)
def _is_drawn(sign: str) -> bool:
    """Returns whether OpenCV draws a character: version 4 draws ASCII, 5 most scripts.

    Others become question marks, one for each byte or for all.
    """
    if sign.isascii():
        return True
    try:
        size = len(sign.encode())
    except UnicodeEncodeError:  # of a file name that is not UTF-8
        return False

    def picture(text: str) -> np.ndarray:
        white = np.zeros((40, 120), np.uint8)
        return cv2.putText(white, text, (4, 30), cv2.FONT_HERSHEY_SIMPLEX, 1, (255,), 2)

    found = picture(sign)
    return not any(np.array_equal(found, picture("?" * n)) for n in range(1, size + 1))
