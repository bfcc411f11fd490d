"""Windows of a long video, cut while it is decoded: no more of it is held than a window needs.

The rule: windows start at the first frame and then every stride, at the rate that clips have. Where
the last one would leave the video it is moved back to end with it, unless the one before ends there
already. A video shorter than a window is one window, its frames taken as evaluation takes them.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from jaxvid.data import pipeline, sampling
from jaxvid.data.modalities import Modality
from jaxvid.data.pipeline import ClipSettings
from jaxvid.data.prepare import shards
from jaxvid.data.records import Record
from jaxvid.data.video import Facts


@dataclass(frozen=True)
class Window:
    """When a window is, seconds, and the frames per second of its video."""

    start: float
    end: float
    fps: float

    @property
    def times(self) -> np.ndarray:
        return np.array([self.start, self.end])


@dataclass(frozen=True)
class Cutter:
    """How windows are cut: the clips' settings, a window's length and stride.

    Both in seconds. A length of 0 is that of a clip: T frames or, where clips have one frame each
    interval, T times the middle of the training clips' range. A stride of 0 is the length.
    """

    settings: ClipSettings
    length: float = 0.0
    stride: float = 0.0

    @classmethod
    def of(cls, windows: ConfigDict, settings: ClipSettings) -> "Cutter":
        return cls(settings, windows.length, windows.stride)

    def frames(self, fps: float) -> tuple[int, int]:
        """Returns a window's length and stride in frames at the clips' rate."""
        rate = self.rate(fps)
        length = self.settings.num_frames
        if self.length:
            length = max(1, round(self.length * rate))
        elif self.settings.intervals:
            length = length * sum(self.settings.intervals) // 2
        return length, max(1, round(self.stride * rate)) if self.stride else length

    def rate(self, fps: float) -> float:
        """Returns the rate of the clips of a video, frames per second."""
        return min(self.settings.fps or fps, fps)

    def of_file(self, path: Path, modalities: list[Modality]) -> Iterator[tuple[Window, Any]]:
        """Yields the windows of a video file, as `cut` does. Raises VideoError.

        The file is decoded twice: whether its frames come at an even rate is known at its end.
        """
        facts = Facts()
        for _ in shards.decoded(modalities[0].check(path, facts)):
            pass
        fps, times = facts.clock()
        frames = zip(*(shards.decoded(s.encode(path)) for s in modalities), strict=True)
        yield from self.cut(frames, modalities, fps, times)

    def cut(
        self,
        frames: Iterable[Sequence[bytes]],
        modalities: list[Modality],
        fps: float,
        times: np.ndarray | None = None,
    ) -> Iterator[tuple[Window, Any]]:
        """Yields each window of a video with its clip, which has an axis of one view in front.

        `frames`: the video as it comes, one piece of bytes per modality and frame. `times`: when
        each of them appears, seconds from 0, where their rate varies around `fps`. Where every
        frame is kept, a window's times are those.
        """
        held = [_Held() for _ in modalities]
        video = [(s, Record("", fps, h, times)) for s, h in zip(modalities, held, strict=True)]
        (length, stride), rate, target = self.frames(fps), self.rate(fps), self.settings.fps
        around = self.settings.flow_stack
        start = previous_end = 0
        ticks = None
        if times is not None and target <= 0:
            ticks = np.append(times, len(times) / fps)

        def place(frame: int) -> int:
            return int(sampling.on_screen(frame, fps, target, times))

        def is_there(first: int) -> bool:
            """In full however the video goes on, and all flow around it."""
            behind = (first + length) * fps <= seen * rate
            return behind and place(first + length - 1) + around < seen

        def window(first: int, count: int, last: float) -> tuple[Window, Any]:
            clip = pipeline.window_clip(video, self.settings, first, count)
            if ticks is None:
                return Window(first / rate, min((first + count) / rate, last), fps), clip
            return Window(float(ticks[first]), float(ticks[first + count]), fps), clip

        for pieces in frames:
            for each, piece in zip(held, pieces, strict=True):
                each.append(piece)
            seen = len(held[0])
            while is_there(start):
                yield window(start, length, seen / fps)
                start, previous_end = start + stride, start + length
            there = sampling.resampled(seen, fps, target)
            first_needed = max(0, min(start, there - length))
            for each in held:
                each.forget(place(first_needed) - around)
        seen = len(held[0])
        if not seen:
            return
        total, duration = sampling.resampled(seen, fps, target), seen / fps
        if total < length:
            yield window(0, total, duration)
            return
        while start + length <= total:
            yield window(start, length, duration)
            start, previous_end = start + stride, start + length
        if previous_end < total and start < total:
            yield window(total - length, length, duration)


class _Held(Sequence):
    """The frames of a video so far, by number, of which the older ones are forgotten."""

    def __init__(self) -> None:
        self._frames: deque[bytes] = deque()
        self._forgotten = 0

    def __len__(self) -> int:
        return self._forgotten + len(self._frames)

    def __getitem__(self, number: int) -> bytes:
        if number < self._forgotten:
            raise IndexError(f"frame {number} is forgotten")
        return self._frames[number - self._forgotten]

    def append(self, frame: bytes) -> None:
        self._frames.append(frame)

    def forget(self, before: int) -> None:
        while self._forgotten < before and self._frames:
            self._frames.popleft()
            self._forgotten += 1
