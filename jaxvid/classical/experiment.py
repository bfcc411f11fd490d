"""A classical run: its data, the descriptors of its frames, and the stages that it saves."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import cv2
import numpy as np
from ml_collections import ConfigDict
from threadpoolctl import threadpool_limits

from jaxvid.classical import descriptors
from jaxvid.classical.encodings import ENCODINGS, Encoding
from jaxvid.classical.svm import LinearSVM
from jaxvid.config.fields import get
from jaxvid.data import loading
from jaxvid.data.damage import naming
from jaxvid.data.datasets import Dataset, Video
from jaxvid.data.modalities import Modality
from jaxvid.data.records import Record
from jaxvid.errors import UserError
from jaxvid.experiment.data import PreparedData
from jaxvid.runtime import files, process_pool

Fitted = TypeVar("Fitted")
_CLIPS_AHEAD = 8  # of each thread
_FIXED = {"data.modality": "rgb", "eval.views": 1, "eval.checkpoint": "last"}


@dataclass(frozen=True)
class SiftExperiment:
    """The data of a run, and its SIFT descriptors as the config's `sift` has them."""

    data: PreparedData

    @property
    def config(self) -> ConfigDict:
        """The config of the run."""
        return self.data.config

    def on(self, config: ConfigDict, dataset: Dataset) -> "SiftExperiment":
        """The same under a config with another seed or split, which `dataset` has."""
        return replace(self, data=replace(self.data, config=config, dataset=dataset))

    def describe(self) -> str:
        """Returns two lines on the data and the system."""
        sift = self.config.sift
        return (
            f"{self.data.describe()}; {sift.frames} frames of each\n"
            f"model    {self.config.name or sift.encoder}: SIFT, {sift.encoder} of "
            f"{sift.clusters} clusters, linear SVM"
        )

    def frames(self, clip: Video) -> np.ndarray:
        """Returns the whole frames that represent a clip, (T, H, W, 3) uint8 RGB."""
        with naming(clip.id):
            return whole_frames(self.data.source[clip.id], self.config.sift)

    def for_each(self, function: Callable[[Video], Any], clips: list[Video]) -> Iterator[Any]:
        """Yields the results of a function of each clip, in order, from `data.threads` threads."""
        # Threads suffice: OpenCV and NumPy release Python's lock while they compute.
        threads = self.config.data.threads or process_pool.cores()
        some = _CLIPS_AHEAD * threads
        with no_inner_threads(), ThreadPoolExecutor(threads) as pool:
            for start in range(0, len(clips), some):
                yield from pool.map(function, clips[start : start + some])


def whole_frames(video: list[tuple[Modality, Record]], sift: ConfigDict) -> np.ndarray:
    """Returns the whole frames that represent a video, (T, H, W, 3) uint8 RGB."""
    [(rgb, record)] = video
    return record.read(rgb, descriptors.frame_indices(len(record.frames), sift.frames))


def describe(frames: np.ndarray, sift: ConfigDict) -> np.ndarray:
    """Returns the descriptors of all keypoints of frames (T, H, W, 3), (n, 128)."""
    return descriptors.sift(frames, sift.min_side, sift.contrast)


@contextmanager
def no_inner_threads() -> Iterator[None]:
    """Lets OpenCV and BLAS use one thread a call: on shared cores more take four times as long."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        cv2.setNumThreads(before)


class Stages:
    """The finished stages of a run: files in its workdir."""

    def __init__(self, workdir: Path):
        self.folder = workdir / "classical"
        self.codebook, self.svm = self.folder / "codebook.npz", self.folder / "svm.npz"
        self.encodings = self.folder / "encodings"  # of training clips, until the SVM is there

    def load_codebook(self, encoder: str) -> Encoding:
        """Returns the fitted encoding. Raises UserError where the file holds no such thing."""
        return self._load(self.codebook, ENCODINGS[encoder])

    def load_svm(self) -> LinearSVM:
        """Returns the fitted classifiers. Raises UserError where the file holds no such thing."""
        return self._load(self.svm, LinearSVM)

    def _load(self, path: Path, kind: Callable[..., Fitted]) -> Fitted:
        try:
            return kind(**files.read_arrays(path))
        except FileNotFoundError:
            raise UserError(f"{path} does not exist: train there first") from None
        except (UserError, TypeError) as error:
            raise UserError(f"{error}; delete {self.folder} to train anew") from None


def open_experiment(
    config: ConfigDict, starts: bool = False, trains: bool = False
) -> SiftExperiment:
    """Reads the dataset's index and prepares the records that are missing.

    `starts` and `trains` change nothing: they are those of a network's. Raises UserError, before
    any video is decoded, for settings that only a network has.
    """
    check(config)
    dataset = loading.load(config.data, config.seed)
    source = loading.open_records(dataset, config.data)
    return SiftExperiment(PreparedData(config, dataset, source))


def check(config: ConfigDict) -> None:
    """Raises UserError for settings that only a network has."""
    for field, value in _FIXED.items():
        if get(config, field) != value:
            raise UserError(f"config.{field}={get(config, field)}: must be {value} for sift")
