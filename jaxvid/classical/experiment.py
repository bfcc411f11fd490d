"""What a classical run is made of: the data, how its frames are described, the saved stages."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
from jaxvid.data.datasets import Video
from jaxvid.data.modalities import Modality
from jaxvid.data.records import Record
from jaxvid.errors import UserError
from jaxvid.experiment.experiment import Footage
from jaxvid.runtime import files, process_pool

_CLIPS_AHEAD = 8  # of each thread
_FIXED = {"data.modality": "rgb", "eval.views": 1, "eval.checkpoint": "last"}


@dataclass(frozen=True)
class SiftExperiment(Footage):
    """A dataset with its prepared records, described by SIFT as the config's `sift` says."""

    def describe(self) -> str:
        """Returns what a user wants to see before the work starts."""
        sift = self.config.sift
        return (
            f"{super().describe()}; {sift.frames} frames of each\n"
            f"model    {self.config.name or sift.encoder}: SIFT, {sift.encoder} of "
            f"{sift.clusters} clusters, linear SVM"
        )

    def frames(self, clip: Video) -> np.ndarray:
        """Returns the frames that stand for a clip, whole ones, (T, H, W, 3) uint8 RGB."""
        with naming(clip.id):
            return whole_frames(self.source[clip.id], self.config.sift)

    def descriptors(self, frames: np.ndarray) -> np.ndarray:
        """Returns the descriptors of all keypoints of frames (T, H, W, 3), (n, 128)."""
        return describe(frames, self.config.sift)

    def for_each(self, function: Callable[[Video], Any], clips: list[Video]) -> Iterator[Any]:
        """Yields the results of a function of each clip, in order, from `data.threads` threads."""
        # Threads suffice: OpenCV and NumPy release Python's lock while they compute.
        threads = self.config.data.threads or process_pool.cores()
        some = _CLIPS_AHEAD * threads
        with no_inner_threads(), ThreadPoolExecutor(threads) as pool:
            for start in range(0, len(clips), some):
                yield from pool.map(function, clips[start : start + some])


def whole_frames(video: list[tuple[Modality, Record]], sift: ConfigDict) -> np.ndarray:
    """Returns the whole frames that stand for a video, (T, H, W, 3) uint8 RGB."""
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


@dataclass(frozen=True)
class Stages:
    """The finished stages of a run in its workdir."""

    folder: Path

    @classmethod
    def of(cls, workdir: Path) -> "Stages":
        return cls(workdir / "classical")

    @property
    def codebook(self) -> Path:
        return self.folder / "codebook.npz"

    @property
    def encodings(self) -> Path:
        """The folder of the training clips' encodings; it goes once the SVM is there."""
        return self.folder / "encodings"

    @property
    def svm(self) -> Path:
        return self.folder / "svm.npz"

    def load_codebook(self, encoder: str) -> Encoding:
        """Returns the fitted encoding. Raises UserError where the file holds no such thing."""
        return self._load(self.codebook, ENCODINGS[encoder])

    def load_svm(self) -> LinearSVM:
        """Returns the fitted classifiers. Raises UserError where the file holds no such thing."""
        return self._load(self.svm, LinearSVM)

    def _load(self, path: Path, kind: Callable[..., Any]) -> Any:
        try:
            return kind(**files.read_arrays(path))
        except FileNotFoundError:
            raise UserError(f"{path} does not exist: train there first") from None
        except (UserError, TypeError) as error:
            raise UserError(f"{error}; delete {self.folder} to train anew") from None


def open_experiment(
    config: ConfigDict, starts: bool = False, trains: bool = False
) -> SiftExperiment:
    """Reads the dataset's index and prepares what is not prepared, whatever is to follow.

    Raises UserError, before anything is decoded, for settings that only a network has.
    """
    check(config)
    dataset = loading.load(config.data, config.seed)
    return SiftExperiment(config, dataset, loading.open_records(dataset, config.data))


def check(config: ConfigDict) -> None:
    """Raises UserError for settings that only a network has."""
    for field, value in _FIXED.items():
        if get(config, field) != value:
            raise UserError(f"config.{field}={get(config, field)}: sift has {value} alone")
