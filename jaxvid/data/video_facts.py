"""What decoding finds out about a video: its size, its rate, the time of each frame."""

from dataclasses import dataclass, field

import numpy as np

DEFAULT_FPS = 25.0
RATES = (1.0, 240.0)  # frames per second that are believed
UNEVEN = 1.5  # frames; a single one that was dropped is no varying rate


class VideoError(Exception):
    """A video that cannot be decoded; the message is the reason.

    `outside`: the reason may lie outside the video, as a disk that is gone: another try may do.
    """

    def __init__(self, reason: str, outside: bool = False):
        super().__init__(reason)
        self.outside = outside


@dataclass
class Facts:
    """What `decode` finds out about a video; complete once it has ended.

    `fps` and `stated`: the rate and the number of frames that the header states, 0 where it states
    none; `width` and `height` in pixels, as shown; `times` of the frames, seconds.
    """

    fps: float = DEFAULT_FPS
    stated: int = 0
    width: int = 0
    height: int = 0
    times: list[float] = field(default_factory=list)

    def clock(self) -> tuple[float, np.ndarray | None]:
        """Returns the frames per second and, where they vary, each frame's time, seconds from 0.

        They vary where a frame is shown over `UNEVEN` frames earlier or later than at an even rate,
        the header's or the mean one; then the rate is the mean. Times that do not increase, or
        whose mean rate is out of `RATES`, are not believed: the header's rate stands.
        """
        times = np.array(self.times)
        if len(times) < 2 or not np.isfinite(times).all() or np.diff(times).min() <= 0:
            return self.fps, None
        times -= times[0]
        mean = (len(times) - 1) / float(times[-1])
        if not RATES[0] <= mean <= RATES[1]:
            return self.fps, None
        for rate in (self.fps, mean):
            if np.abs(times * rate - np.arange(len(times))).max() <= UNEVEN:
                return rate, None
        return mean, times
