"""Training of a classical system: codebook, encodings, SVM, each saved once it is finished."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np

from jaxvid.classical.encodings import ENCODINGS, Encoding
from jaxvid.classical.experiment import SiftExperiment, Stages, describe
from jaxvid.classical.svm import LinearSVM
from jaxvid.data.datasets import Video
from jaxvid.errors import UserError
from jaxvid.runtime import files
from jaxvid.runtime.progress import Bar

DESCRIPTORS_PER_CLIP = 200  # that the codebook is fitted to, at most where clips are many
CLIPS_PER_FILE = 256  # of encodings


class Trainer:
    """The training of an experiment in a workdir, from where an earlier run of it stopped.

    Without `show`, which a network's Trainer calls, no progress is shown. Raises UserError where
    the split to train on or the one to evaluate on has no usable video.
    """

    def __init__(
        self, experiment: SiftExperiment, workdir: Path, show: Callable[[str], None] | None = None
    ):
        self.experiment, self.config = experiment, experiment.config
        self.stages = Stages(workdir)
        self.clips = experiment.data.clips("train")
        experiment.data.clips(self.config.eval.split)
        self._quiet = show is None

    def run(self, stop: Callable[[], bool] = lambda: False) -> None:
        """Fits what is not fitted yet, or leaves early where `stop` returns true.

        `stop` is called after every clip; a fit under way ends first. A stop or a kill loses the
        descriptors drawn for a codebook that is not fitted, or fewer than CLIPS_PER_FILE
        encodings. Raises UserError where the descriptors are too few for the codebook.
        """
        stages = self.stages
        try:
            if not stages.codebook.is_file():
                # Whatever else is there belongs to a codebook that is gone.
                shutil.rmtree(stages.folder, ignore_errors=True)
                files.write_arrays(stages.codebook, self._fit_codebook(stop).arrays)
            if not stages.svm.is_file():
                codebook = stages.load_codebook(self.config.sift.encoder)
                svm = self._fit_svm(self._encode(codebook, stop))
                files.write_arrays(stages.svm, vars(svm))
            shutil.rmtree(stages.encodings, ignore_errors=True)
        except _Stopped:
            return

    def _fit_codebook(self, stop: Callable[[], bool]) -> Encoding:
        sift, rng = self.config.sift, np.random.default_rng(self.config.seed)
        at_most = max(DESCRIPTORS_PER_CLIP, -(-sift.descriptors // len(self.clips)))
        clips = [self.clips[i] for i in rng.permutation(len(self.clips))]
        drawn: list[np.ndarray] = []
        count = 0
        with Bar("drawing descriptors", sift.descriptors, quiet=self._quiet) as bar:
            for found in self.experiment.for_each(self._describe, clips):
                _leave_if(stop)
                part = found[rng.permutation(len(found))[:at_most]][: sift.descriptors - count]
                drawn.append(part)
                count += len(part)
                bar.advance(len(part))
                if count == sift.descriptors:
                    break
            bar.line("drawn; fitting the codebook")
        try:
            fit = ENCODINGS[sift.encoder].fit
            codebook = fit(np.concatenate(drawn), sift.clusters, self.config.seed)
        except ValueError as error:
            raise UserError(
                f"config.sift.clusters={sift.clusters}: {error}; a smaller config.sift.contrast "
                "finds more"
            ) from None
        return codebook

    def _describe(self, clip: Video) -> np.ndarray:
        return describe(self.experiment.frames(clip), self.config.sift)

    def _encode(self, codebook: Encoding, stop: Callable[[], bool]) -> np.ndarray:
        """Returns the encodings of the training clips, (B, F)."""
        encoded: list[np.ndarray] = []
        with Bar("encoding, clip", len(self.clips), quiet=self._quiet) as bar:
            for start in range(0, len(self.clips), CLIPS_PER_FILE):
                path = self.stages.encodings / f"{start:07d}.npz"
                clips = self.clips[start : start + CLIPS_PER_FILE]
                if path.is_file():
                    bar.advance(len(clips))
                else:
                    rows = []
                    for row in self.experiment.for_each(
                        lambda clip: codebook.encode(self._describe(clip), self.config.sift.norm),
                        clips,
                    ):
                        _leave_if(stop)
                        rows.append(row)
                        bar.advance()
                    files.write_arrays(path, {"encodings": np.stack(rows)})
                encoded.append(files.read_arrays(path)["encodings"])
        return np.concatenate(encoded)

    def _fit_svm(self, encodings: np.ndarray) -> LinearSVM:
        return LinearSVM.fit(
            encodings,
            np.array([clip.label for clip in self.clips]),
            len(self.experiment.data.dataset.class_names),
            self.config.sift.regularisation,
            self.config.seed,
        )


class _Stopped(Exception):
    """The user asked to leave."""


def _leave_if(stop: Callable[[], bool]) -> None:
    if stop():
        raise _Stopped
