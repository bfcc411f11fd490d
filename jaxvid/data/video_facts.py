"""What decoding finds out about a video: its size, its rate, the time of each frame, its faults."""

import math
from dataclasses import dataclass, field

import numpy as np

DEFAULT_FPS = 25.0  # of a folder of frames, and where neither header nor times tell a rate
FASTEST = 10_000.0  # frames per second that are believed
UNEVEN = 1.5  # frames; a single one that was dropped is no varying rate
PAUSE = 600.0  # seconds; a frame that a file shows for longer is damage
REPAIRED = 0.1  # of a video's times may repeat or be missing
WHOLE = 0.95  # of the steps between frames, where some are missing
LONGER = 1.0  # seconds; a file that exceeds a part of it by more is not cut to that part yet


class VideoError(Exception):
    """A video that cannot be decoded; the message is the reason.

    `outside`: the reason may lie outside the video, as a disk that is gone: another try may do.
    """

    def __init__(self, reason: str, outside: bool = False):
        super().__init__(reason)
        self.outside = outside


@dataclass(frozen=True)
class Span:
    """A part of a video, from `start` up to `end`, seconds from its first frame.

    Half a frame early at both ends: 2 to 4 s at 25 frames per second are frames 50 to 99, though
    frame 50 be stamped 1.99 s. `or_whole`: a file that lasts no more than `LONGER` longer than the
    part is cut to it already.
    """

    start: float = 0.0
    end: float = math.inf
    or_whole: bool = False

    def __str__(self) -> str:  # as media fragments are named, W3C
        end = "" if math.isinf(self.end) else f",{self.end:.10g}"
        return f"#t={self.start:.10g}{end}"

    def is_cut(self, seconds: float) -> bool:
        """Returns whether a file of this duration, 0 if unknown, is known to be the part."""
        return self.or_whole and 0 < seconds <= self.end - self.start + LONGER

    def frames(self, fps: float) -> tuple[int, int | None]:
        """Returns the number of the first frame, and of the first one after, at an even rate."""
        last = None if math.isinf(self.end) else math.ceil(self.end * fps - 0.5 - 1e-6)
        return math.ceil(self.start * fps - 0.5 - 1e-6), last


@dataclass
class Facts:
    """What `decode` finds out about a video; complete once it has ended.

    `fps` and `stated`: the rate and the number of frames that the header states, 0 where it states
    none; `width` and `height` in pixels, as shown; `times` of the frames by the container's own
    timestamps, seconds, not a number where one has none; `last`: how long the last one is shown,
    seconds, 0 where nothing tells it. `damaged`: packets that did not decode, and frames whose
    decoder met errors in them; `fault`: FFmpeg's words for the last packet. Of joints: the `people`
    who are in any frame, the frames without a joint (`empty`), how many `joints` the people in each
    frame have and how many of these are missing (`lost`), and a `digest` of all, since files that
    differ may hold the same ones.
    """

    fps: float = DEFAULT_FPS
    stated: int = 0
    width: int = 0
    height: int = 0
    times: list[float] = field(default_factory=list)
    last: float = 0.0
    damaged: int = 0
    fault: str = ""
    people: int = 0
    empty: int = 0
    joints: int = 0
    lost: int = 0
    digest: str = ""

    def clock(self) -> tuple[float, np.ndarray | None]:
        """Returns the frames per second and, where they vary, each frame's time, seconds from 0.

        They vary where a frame is shown over `UNEVEN` frames earlier or later than at an even rate,
        the header's or the mean one; then the rate is that of all frames over the duration. A time
        that is missing, or no later than the one before it, is set evenly between its neighbours.
        Where that is over `REPAIRED` of the times, a frame is shown for over `PAUSE`, or the mean
        rate exceeds `FASTEST`, times are not believed: the header's rate stands, and `DEFAULT_FPS`
        where there is none.
        """
        stated = self.fps or DEFAULT_FPS
        times = self._repaired()
        if times is None:
            return stated, None
        mean = (len(times) - 1) / float(times[-1])
        for rate in filter(None, (self.fps, mean)):
            if np.abs(times * rate - np.arange(len(times))).max() <= UNEVEN:
                return rate, None
        shown = self.last if 0 < self.last <= PAUSE else 1 / mean
        return len(times) / (float(times[-1]) + shown), times

    @property
    def repeated(self) -> int:
        """The number of frames whose time is no later than that of one before it."""
        return int((np.isfinite(self.times) & ~self._later()).sum())

    @property
    def dropped(self) -> int:
        """The number of frames that are missing between others, by the rate that is stated.

        None are where frames come at a varying rate: fewer than `WHOLE` of the steps from one to
        the next are whole frames, or most are longer than one.
        """
        times = self._repaired()
        if times is None or not self.fps:
            return 0
        steps = np.diff(times) * self.fps
        frames = np.maximum(1, np.round(steps))
        if (np.abs(steps - frames) < 0.25).mean() < WHOLE or np.median(frames) > 1:
            return 0
        return int((frames - 1).sum())

    @property
    def assumed(self) -> bool:
        """Whether the rate is `DEFAULT_FPS` for want of any other."""
        return not self.fps and self._repaired() is None

    def _later(self) -> np.ndarray:
        times = np.array(self.times, float)
        known = np.where(np.isfinite(times), times, -np.inf)
        before = np.maximum.accumulate(np.append(-np.inf, known[:-1]))
        return known > before

    def _repaired(self) -> np.ndarray | None:
        """Returns times from 0 that increase; None where they are not to be believed."""
        times, later = np.array(self.times, float), self._later()
        count = len(times)
        wrong = count - int(later.sum())
        if count - wrong < 2 or wrong > max(1, REPAIRED * count) or not later[0]:
            return None
        [known] = np.nonzero(later)
        step = (times[known[-1]] - times[0]) / known[-1]  # for those after the last one
        at, ends = np.append(known, count), times[known[-1]] + step * (count - known[-1])
        even = np.interp(np.arange(count), at, np.append(times[known], ends)) - times[0]
        if np.diff(even).max() > PAUSE or even[-1] * FASTEST < count - 1:
            return None
        return even
