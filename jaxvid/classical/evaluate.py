"""Evaluation of a classical system, from the saved codebook and SVM alone."""

import time
from pathlib import Path
from typing import Any

import numpy as np

from jaxvid import evaluate as evaluation
from jaxvid.classical.encodings import Encoding
from jaxvid.classical.experiment import SiftExperiment, Stages
from jaxvid.classical.svm import LinearSVM
from jaxvid.data.datasets import Clip
from jaxvid.errors import UserError
from jaxvid.evaluate import Scores
from jaxvid.progress import Bar


def score(experiment: SiftExperiment, codebook: Encoding, svm: LinearSVM) -> Scores:
    """Returns the scores of the clips of `eval.split`: softmaxed margins, not calibrated."""
    clips = experiment.clips(experiment.config.eval.split)

    def of_clip(clip: Clip) -> tuple[np.ndarray, float]:
        frames = experiment.frames(clip)
        start = time.perf_counter()
        encoding = codebook.encode(experiment.descriptors(frames))
        return svm.probabilities(encoding[None])[0], time.perf_counter() - start

    rows, seconds = [], []
    with Bar("evaluating, clip", len(clips)) as bar:
        for row, took in experiment.for_each(of_clip, clips):
            rows.append(row)
            seconds.append(took)
            bar.advance()
    labels = np.array([clip.label for clip in clips])
    return Scores(clips, np.stack(rows), labels, float(np.median(seconds)))


def evaluate(experiment: SiftExperiment, workdir: Path, output: Path) -> dict[str, Any]:
    """Scores a workdir's saved stages and writes results, predictions and figures to `output`.

    Returns what results.json holds. Its parameters are the numbers in the codebook and the SVM,
    without the classifier: in the codebook; its step is 0, since there are none. Raises UserError
    where a stage is missing, or the SVM's classes are not the dataset's.
    """
    stages, config = Stages.of(workdir), experiment.config
    codebook, svm = stages.load_codebook(config.sift.encoder), stages.load_svm()
    names = experiment.dataset.class_names
    if len(svm.biases) != len(names):
        raise UserError(f"{stages.svm} knows {len(svm.biases)} classes, the dataset {len(names)}")
    fitted = sum(array.size for array in codebook.arrays.values())
    about = {
        "parameters": fitted + svm.weights.size + svm.biases.size,
        "parameters_without_classifier": fitted,
        "step": 0,
        "split": config.eval.split,
        "dataset": experiment.dataset.name,
        "config": config.name,
    }
    scores = score(experiment, codebook, svm)
    return evaluation.write_results(scores, about, names, output, curves_from=None)
