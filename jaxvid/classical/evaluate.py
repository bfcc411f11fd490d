"""Evaluation of a classical system, from the saved codebook and SVM alone."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from jaxvid.classical.encodings import Encoding
from jaxvid.classical.experiment import SiftExperiment, Stages, describe, whole_frames
from jaxvid.classical.svm import LinearSVM
from jaxvid.data.datasets import Video
from jaxvid.data.modalities import Modality
from jaxvid.data.records import Record
from jaxvid.errors import UserError
from jaxvid.evaluation import evaluate as evaluation
from jaxvid.evaluation.evaluate import Scores
from jaxvid.runtime import files
from jaxvid.runtime.progress import Bar


def labeller(
    config: ConfigDict, workdir: Path, classes: int
) -> Callable[[list[tuple[Modality, Record]]], np.ndarray]:
    """Returns the function from a video's modalities to its scores (N,), N = `classes`.

    Raises UserError where a stage is missing, or the SVM has another number of classes.
    """
    codebook, svm = _load(config, workdir, classes)
    sift = config.sift

    def score_one(video: list[tuple[Modality, Record]]) -> np.ndarray:
        encoding = codebook.encode(describe(whole_frames(video, sift), sift), sift.norm)
        return svm.probabilities(encoding[None])[0]

    return score_one


def score(
    experiment: SiftExperiment, codebook: Encoding, svm: LinearSVM, quiet: bool = True
) -> Scores:
    """Returns the scores of the clips of `eval.split`: softmaxed margins, not calibrated."""
    clips = experiment.data.clips(experiment.config.eval.split)
    sift = experiment.config.sift

    def of_clip(clip: Video) -> tuple[np.ndarray, np.ndarray, float]:
        frames = experiment.frames(clip)
        start = time.perf_counter()
        encoding = codebook.encode(describe(frames, sift), sift.norm)
        return svm.probabilities(encoding[None])[0], encoding, time.perf_counter() - start

    rows, encodings, seconds = [], [], []
    with Bar("evaluating, clip", len(clips), quiet=quiet) as bar:
        for row, encoding, took in experiment.for_each(of_clip, clips):
            rows.append(row)
            encodings.append(encoding)
            seconds.append(took)
            bar.advance()
    labels = np.array([clip.label for clip in clips])
    return Scores(clips, np.stack(rows), labels, float(np.median(seconds)), np.stack(encodings))


def evaluate(
    experiment: SiftExperiment, workdir: Path, output: Path, quiet: bool = True
) -> dict[str, Any]:
    """Scores a workdir's saved stages and writes results, predictions and encodings to `output`.

    Returns the content of results.json. Its parameters are the numbers in the codebook and the SVM,
    without the classifier: in the codebook; its step is 0, since there are none. `quiet`: without a
    progress bar. Raises UserError
    where a stage is missing, the SVM's classes are not the dataset's, or the workdir is gone when
    all is scored.
    """
    config, names = experiment.config, experiment.data.dataset.class_names
    place = files.Place(workdir)
    codebook, svm = _load(config, workdir, len(names))
    fitted = sum(array.size for array in codebook.arrays.values())
    about = {
        "parameters": fitted + svm.weights.size + svm.biases.size,
        "parameters_without_classifier": fitted,
        "step": 0,
        "split": config.eval.split,
        "dataset": experiment.data.dataset.name,
        "config": config.name,
    }
    scores = score(experiment, codebook, svm, quiet)
    place.check()
    return evaluation.write_results(scores, about, names, output)


def _load(config: ConfigDict, workdir: Path, classes: int) -> tuple[Encoding, LinearSVM]:
    stages = Stages(workdir)
    codebook, svm = stages.load_codebook(config.sift.encoder), stages.load_svm()
    if len(svm.biases) != classes:
        raise UserError(f"{stages.svm} has {len(svm.biases)} classes, the dataset {classes}")
    return codebook, svm
