"""The modalities of a clip: what is stored of each, and how clips are cut from what is stored.

A modality turns a video into one piece of bytes per frame (`encode`, while preparing), and those
pieces into the network's input (`read`, `cut` and `mirror`, while training). A new modality is a
class here, a case and a shape in `jaxvid.data.loading`, and a name among the config's checks.
"""

import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np

from jaxvid.data import augment, flow, frame_folder, video
from jaxvid.data.frames import Frames
from jaxvid.data.skeleton_files import FORMATS
from jaxvid.data.skeleton_files.joints import describe
from jaxvid.data.video import Facts, Span
from jaxvid.skeletons import SKELETONS, Skeleton

Cut = Callable[[np.ndarray], np.ndarray]
Choose = Callable[[int, int], augment.Crop]


@dataclass(frozen=True)
class Modality(ABC):
    """What preparation and the pipeline ask of a modality; by default it is made of pictures.

    A modality's fields are its settings: they determine what is stored.
    """

    name: ClassVar[str]

    def files(self, path: Path) -> list[Path]:
        """Returns the files that `encode` reads of a video."""
        return video.files(path)

    def decoder(self, path: Path) -> str:
        """Returns what decodes a video, where another version of it may see other pictures."""
        return video.decoder(path)

    def encode(
        self, path: Path, facts: Facts | None = None, span: Span | None = None
    ) -> Iterator[bytes]:
        """Yields the frames of a video, or of a part, as they are stored; fills `facts`.

        Raises VideoError.
        """
        return self.encode_frames(video.decode(path, facts, span))

    @abstractmethod
    def encode_frames(self, frames: Iterable[np.ndarray]) -> Iterator[bytes]:
        """Yields frames (H, W, 3) uint8 BGR as they are stored. Raises VideoError."""

    def check(
        self, path: Path, facts: Facts | None = None, span: Span | None = None
    ) -> Iterator[Any]:
        """Yields the frames of a video, or of a part, as they are decoded; fills `facts`.

        Raises VideoError.
        """
        return video.decode(path, facts, span)

    def frames_per_second(self, path: Path) -> float:
        """Returns the rate of a video's frames, as its header states it."""
        return video.frames_per_second(path)

    def leaves_flow(self, path: Path) -> bool:
        """Returns whether images of optical flow are beside a video's frames, and are not read."""
        return frame_folder.has_flow(path)

    @abstractmethod
    def read(self, frames: Frames, indices: np.ndarray, cut: Cut | None = None) -> np.ndarray:
        """Returns stored frames, (n, ...), each as `cut` leaves it."""

    @abstractmethod
    def cut(self, frame: np.ndarray, choose: Choose, size: int) -> np.ndarray:
        """Returns the crop that `choose` has for a frame's (height, width), at the network's size.

        `size` in pixels. Where a modality has no pictures, `choose` is not called.
        """

    @abstractmethod
    def mirror(self, frames: np.ndarray) -> np.ndarray:
        """Returns the frames as a mirror shows them."""


def settings(modality: Modality) -> dict[str, Any]:
    """Returns a modality's name and settings, as a manifest holds them."""
    return {"stream": modality.name, **asdict(modality)}


@dataclass(frozen=True)
class Rgb(Modality):
    """Colour frames as JPEG files: (T, H, W, 3) uint8."""

    name: ClassVar[str] = "rgb"
    short_side: int  # pixels, of stored frames
    jpeg_quality: int

    def encode_frames(self, frames: Iterable[np.ndarray]) -> Iterator[bytes]:
        for frame in frames:
            yield _jpeg(video.resize_short_side(frame, self.short_side), self.jpeg_quality)

    def read(self, frames: Frames, indices: np.ndarray, cut: Cut | None = None) -> np.ndarray:
        images = (_image(frames[i], cv2.IMREAD_COLOR_RGB) for i in indices)
        return _stacked(images, len(indices), cut)

    def cut(self, frame: np.ndarray, choose: Choose, size: int) -> np.ndarray:
        return augment.apply(frame, choose(*frame.shape[:2]), size)

    def mirror(self, frames: np.ndarray) -> np.ndarray:
        return frames[:, :, ::-1]


@dataclass(frozen=True)
class Flow(Modality):
    """Optical flow from each frame to the next, x above y in one grey JPEG: (T, H, W, 2) uint8.

    `bound` in pixels of the stored frames; `jaxvid.data.flow` defines the numbers. With the method
    `files` it is read from the images that lie beside the frames (`jaxvid.data.frame_folder`),
    whose numbers are the same and whose `bound` is in their own pixels.
    """

    name: ClassVar[str] = "flow"
    short_side: int
    jpeg_quality: int
    method: str
    bound: float

    def encode(
        self, path: Path, facts: Facts | None = None, span: Span | None = None
    ) -> Iterator[bytes]:
        if self.method != flow.FILES:
            return super().encode(path, facts, span)
        return map(self._stored, self.check(path, facts, span))

    def check(
        self, path: Path, facts: Facts | None = None, span: Span | None = None
    ) -> Iterator[Any]:
        if self.method != flow.FILES:
            return super().check(path, facts, span)
        part = span.frames(video.DEFAULT_FPS) if span else (0, None)
        return itertools.islice(self._read_images(path, facts or Facts()), *part)

    def leaves_flow(self, path: Path) -> bool:
        return self.method != flow.FILES and super().leaves_flow(path)

    def _read_images(self, path: Path, facts: Facts) -> Iterator[np.ndarray]:
        if not path.is_dir():
            raise video.VideoError("it is no folder of frames with images of optical flow")
        for vectors in frame_folder.decode_flow(path):
            facts.height, facts.width = vectors.shape[:2]
            resized = video.resize_short_side(vectors, self.short_side)
            height, width = resized.shape[:2]
            yield flow.scale(resized, width / facts.width, height / facts.height)

    def _stored(self, vectors: np.ndarray) -> bytes:
        return _jpeg(np.concatenate([vectors[..., 0], vectors[..., 1]]), self.jpeg_quality)

    def encode_frames(self, frames: Iterable[np.ndarray]) -> Iterator[bytes]:
        if self.method == flow.FILES:
            raise video.VideoError(
                "its optical flow is read from files: there are none in pictures"
            )
        resized = (video.resize_short_side(frame, self.short_side) for frame in frames)
        try:
            for vectors in flow.estimate(resized, self.method):
                yield self._stored(flow.quantise(vectors, self.bound))
        except cv2.error as error:  # frames of a few pixels, for one
            raise video.VideoError(f"no flow could be estimated: {error.err}") from None

    def read(self, frames: Frames, indices: np.ndarray, cut: Cut | None = None) -> np.ndarray:
        images = (_image(frames[i], cv2.IMREAD_GRAYSCALE) for i in indices)
        vectors = (np.stack(np.split(image, 2), axis=-1) for image in images)
        return _stacked(vectors, len(indices), cut)

    def cut(self, frame: np.ndarray, choose: Choose, size: int) -> np.ndarray:
        crop = choose(*frame.shape[:2])
        resized = augment.apply(frame, crop, size)
        return flow.scale(resized, size / crop.width, size / crop.height)

    def mirror(self, frames: np.ndarray) -> np.ndarray:
        return flow.mirror(frames)


@dataclass(frozen=True)
class Skeletons(Modality):
    """The joints of up to M people: (T, M, V, 3) float32; joints that are missing are NaN.

    `format` names an entry of `skeleton_files.FORMATS`, which says what the three numbers are.
    `missing` is what is stored for a missing joint: zeros, in the records of version 0.1.0.
    """

    name: ClassVar[str] = "skeleton"
    format: str
    people: int
    missing: str = "nan"

    def files(self, path: Path) -> list[Path]:
        return FORMATS[self.format].files(path)

    def decoder(self, path: Path) -> str:
        return ""

    def encode(
        self, path: Path, facts: Facts | None = None, span: Span | None = None
    ) -> Iterator[bytes]:
        fps = self.frames_per_second(path)
        joints = FORMATS[self.format].read(path, self.people)
        first, last = span.frames(fps) if span and not span.is_cut(len(joints) / fps) else (0, None)
        if facts:
            facts.fps = fps
            describe(joints[first:last], facts)
        for frame in joints[first:last]:
            yield frame.tobytes()

    def encode_frames(self, frames: Iterable[np.ndarray]) -> Iterator[bytes]:
        raise video.VideoError("joints are read from files: there are none in pictures")

    def check(
        self, path: Path, facts: Facts | None = None, span: Span | None = None
    ) -> Iterator[Any]:
        return self.encode(path, facts, span)

    def frames_per_second(self, path: Path) -> float:
        return FORMATS[self.format].fps or video.frames_per_second(path)

    def leaves_flow(self, path: Path) -> bool:
        return False

    def read(self, frames: Frames, indices: np.ndarray, cut: Cut | None = None) -> np.ndarray:
        shape = (self.people, len(self.skeleton.joints), 3)
        people = (np.frombuffer(frames[i], np.float32).reshape(shape) for i in indices)
        return _stacked(people, len(indices), cut)

    def cut(self, frame: np.ndarray, choose: Choose, size: int) -> np.ndarray:
        return frame

    def mirror(self, frames: np.ndarray) -> np.ndarray:
        mirrored = frames[..., list(self.skeleton.mirrored), :]
        return mirrored * np.array([-1, 1, 1], np.float32)

    @property
    def skeleton(self) -> Skeleton:
        """The joints of the format, and how they are connected."""
        return SKELETONS[FORMATS[self.format].joints]


def _jpeg(image: np.ndarray, quality: int) -> bytes:
    encoded, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not encoded:
        raise video.VideoError("a frame could not be stored as JPEG")
    return data.tobytes()


def _image(data: bytes, flags: int) -> np.ndarray:
    image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    if image is None:
        raise video.VideoError("a stored frame does not decode")
    return image


def _stacked(frames: Iterable[np.ndarray], count: int, cut: Cut | None) -> np.ndarray:
    """Stacks `count` frames, cutting each before the next one is decoded.

    Whole frames kept meanwhile would each be memory that is new to the process, which takes a
    quarter as long as to decode them.
    """
    stacked: np.ndarray | None = None
    for place, whole in enumerate(frames):
        frame = cut(whole) if cut else whole
        if stacked is None:
            stacked = np.empty((count, *frame.shape), frame.dtype)
        elif frame.shape != stacked.shape[1:]:
            raise ValueError(f"a frame of shape {frame.shape} among {stacked.shape[1:]}")
        stacked[place] = frame
    if stacked is None:
        raise ValueError("no frames are asked for")
    return stacked
