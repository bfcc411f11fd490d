"""Windows of a long video, cut while it is decoded: only the frames of one window are kept.

Three clocks appear here: frames of the file, frames at the clips' rate, and seconds.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from jaxvid.data import pipeline, sampling, supervised
from jaxvid.data.clip_cutting import ClipSettings
from jaxvid.data.frames import RecentFrames
from jaxvid.data.modalities import Modality
from jaxvid.data.records import Record
from jaxvid.data.video import Facts, decoded


def window_starts(total: int, length: int, stride: int) -> list[int]:
    """Returns where the windows of a video start; all numbers are frames at the clips' rate.

    Windows start at the first frame and then every `stride`. A last window that would leave the
    video is moved back to end with it, unless the window before ends there already. A video
    shorter than `length` is one window.
    """
    starts = list(range(0, max(1, total - length + 1), stride))
    if starts[-1] + max(length, stride) < total:
        starts.append(total - length)
    return starts


@dataclass(frozen=True)
class Window:
    """The start and end of a window, seconds, and the frames per second of its file."""

    start: float
    end: float
    fps: float

    @property
    def times(self) -> np.ndarray:
        return np.array([self.start, self.end])


@dataclass(frozen=True)
class Cutter:
    """How windows are cut: the clips' settings, a window's length and stride, both in seconds.

    A length of 0 is that of a clip: T frames or, where clips have one frame each interval, T times
    the middle of the training clips' range. A stride of 0 is the length.
    """

    settings: ClipSettings
    length: float = 0.0
    stride: float = 0.0

    @classmethod
    def of(cls, windows: ConfigDict, settings: ClipSettings) -> "Cutter":
        return cls(settings, windows.length, windows.stride)

    def rate(self, fps: float) -> float:
        """Returns the clips' rate for a file of `fps`, frames per second."""
        return min(self.settings.fps or fps, fps)

    def frames(self, fps: float) -> tuple[int, int]:
        """Returns a window's length and stride in frames at the clips' rate."""
        rate = self.rate(fps)
        length = self.settings.num_frames
        if self.length:
            length = max(1, round(self.length * rate))
        elif self.settings.intervals:
            length = length * sum(self.settings.intervals) // 2
        return length, max(1, round(self.stride * rate)) if self.stride else length

    def of_file(self, path: Path, modalities: list[Modality]) -> Iterator[tuple[Window, Any]]:
        """Yields the windows of a video file, as `cut` does. Raises VideoError.

        It is decoded in another process, and twice: only its end shows whether its frames have an
        even rate.
        """
        facts = Facts()
        supervised.check(path, modalities[0], facts)
        fps, times = facts.clock()
        stored = (decoded(supervised.encode(path, m, Facts())) for m in modalities)
        frames = zip(*stored, strict=True)
        yield from self.cut(frames, modalities, fps, times)

    def cut(
        self,
        frames: Iterable[Sequence[bytes]],
        modalities: list[Modality],
        fps: float,
        times: np.ndarray | None = None,
    ) -> Iterator[tuple[Window, Any]]:
        """Yields each window of a video with its clip, which has an axis of one view in front.

        `frames`: those of the file in order, each as one piece of bytes per modality. `times`: when
        each appears, seconds from 0, where the rate varies around `fps`; where every frame is kept,
        windows start and end at these times.
        """
        buffers = [RecentFrames() for _ in modalities]
        video = [(m, Record("", fps, b, times)) for m, b in zip(modalities, buffers, strict=True)]
        length, stride = self.frames(fps)
        clip_fps, target, margin = self.rate(fps), self.settings.fps, self.settings.flow_stack
        edges: np.ndarray | None = None  # seconds, between the frames of the file
        if times is not None and target <= 0:
            edges = np.append(times, len(times) / fps)
        file_frames = 0  # so far

        def file_frame(clip_frame: int) -> int:
            return int(sampling.on_screen(clip_frame, fps, target, times))

        def is_complete(start: int) -> bool:
            """Returns whether the window, and the flow around it, is there however it goes on."""
            end = start + length
            return (
                end * fps <= file_frames * clip_fps and file_frame(end - 1) + margin < file_frames
            )

        def window(start: int, count: int) -> tuple[Window, Any]:
            clip, end = pipeline.window_clip(video, self.settings, start, count), start + count
            if edges is not None:
                return Window(float(edges[start]), float(edges[end]), fps), clip
            return Window(start / clip_fps, min(end / clip_fps, file_frames / fps), fps), clip

        start = 0  # of the next window, in frames at the clips' rate
        for file_frames, pieces in enumerate(frames, 1):
            for buffer, piece in zip(buffers, pieces, strict=True):
                buffer.append(piece)
            while is_complete(start):
                yield window(start, length)
                start += stride
            moved_back = sampling.resampled(file_frames, fps, target) - length
            for buffer in buffers:
                buffer.drop(file_frame(max(0, min(start, moved_back))) - margin)
        if file_frames:
            total = sampling.resampled(file_frames, fps, target)
            for remaining in window_starts(total, length, stride)[start // stride :]:
                yield window(remaining, min(length, total))
