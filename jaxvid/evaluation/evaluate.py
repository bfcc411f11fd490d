"""Evaluation: the scores of a split's clips, each counted exactly once, and its results files."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxvid.data.datasets import Video
from jaxvid.experiment import flops, frozen_features, memory
from jaxvid.experiment.experiment import Experiment
from jaxvid.experiment.network import forward
from jaxvid.experiment.restore import restore
from jaxvid.runtime import devices, distributed, files
from jaxvid.runtime.progress import Bar
from jaxvid.workdir.results import COLUMNS, RESULTS, TABLE


@dataclass(frozen=True)
class Scores:
    """The scores of a split's clips.

    Shapes: probabilities (B, N), labels (B,). `seconds_per_clip`: the forward pass over all views
    with the clips' way to the device, without decoding; the median over the batches. Of a classical
    system: from frames to scores in one thread, the median over the clips. `embedding` (B, E),
    what the classifier reads, the mean over the views; `attention` (B, τ), the weights of the
    steps, where the system has them and the steps are those of one view in order.
    """

    clips: list[Video]
    probabilities: np.ndarray
    labels: np.ndarray
    seconds_per_clip: float
    embedding: np.ndarray | None = None
    attention: np.ndarray | None = None

    @property
    def accuracy(self) -> float:
        return float((self.probabilities.argmax(-1) == self.labels).mean())

    @property
    def loss(self) -> float:
        """The mean cross-entropy, nats."""
        chosen = np.take_along_axis(self.probabilities, self.labels[:, None], axis=-1)
        return float(-np.log(np.maximum(chosen, np.finfo(np.float32).tiny)).mean())


class Scorer:
    """Scores the clips of a split; compiles once for any number of calls."""

    def __init__(self, experiment: Experiment):
        self.experiment, network = experiment, experiment.network

        def scored(variables: Any, clips: Any) -> dict[str, jax.Array]:
            outputs = forward(network.applied, network.devices.whole(variables), clips)
            kept = ("probabilities", "embedding", "attention")
            return {name: outputs[name] for name in kept if name in outputs}

        self._forward = network.once(
            "scores", lambda: devices.jit(scored, out_shardings=network.devices.replicated)
        )
        self._compiled = False
        self._size = 0

    def batch_size(self, variables: Any) -> int:
        """Returns the clips of a batch. Raises UserError where an `eval.batch_size` cannot fit."""
        if not self._size:
            network, data = self.experiment.network, self.experiment.data
            views = network.config.eval.views
            self._size = memory.batch_size(network, self._forward, variables, data.ahead, views)
        return self._size

    def score(
        self,
        variables: Any,
        stop: Callable[[], bool] = lambda: False,
        quiet: bool = True,
        split: str = "",
    ) -> Scores | None:
        """Returns the scores under a model's variables; the views of a clip are averaged.

        `stop` is called before every batch; None where it returns true. `quiet`: without a progress
        bar. `split`: by default the one that the config's `eval` names.
        """
        data, config = self.experiment.data, self.experiment.config
        clips = data.clips(split or config.eval.split)
        shuffle_seed = config.seed if config.eval.shuffle_frames else None
        size = self.batch_size(variables)
        batches = data.eval_batches(clips, config.eval.views, size, shuffle_seed)
        scored: list[dict[str, np.ndarray]] = []
        timed: list[float] = []
        with Bar("evaluating, clip", len(clips), quiet=quiet) as bar:
            for batch in batches:
                if stop():
                    return None
                if not self._compiled:  # once more than needed, so that no timed batch compiles
                    self._score_batch(variables, batch)
                    self._compiled = True
                start = time.perf_counter()
                scored.append(self._score_batch(variables, batch))
                timed.append(time.perf_counter() - start)
                bar.advance(min(size, len(clips) - (len(timed) - 1) * size))
        # The last batch is filled up; every clip counts once.
        outputs = {
            name: np.concatenate([batch[name] for batch in scored])[: len(clips)]
            for name in scored[0]
        }
        if config.eval.views > 1 or config.eval.shuffle_frames:
            outputs.pop("attention", None)  # its steps are no places in the clip
        labels = np.array([clip.label for clip in clips])
        seconds = float(np.median(timed) / size)
        if isinstance(data, frozen_features.FeatureData):
            seconds += config.eval.views * frozen_features.seconds_per_view(data.folder)
        return Scores(clips, labels=labels, seconds_per_clip=seconds, **outputs)

    def _score_batch(self, variables: Any, batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        with memory.naming(self.experiment.config, "eval.batch_size"):
            clips = self.experiment.network.devices.put_batch(batch)["clip"]
            return jax.device_get(self._forward(variables, clips))


def evaluate(
    experiment: Experiment, workdir: Path, output: Path, quiet: bool = True
) -> dict[str, Any]:
    """Scores a workdir's model and writes results, predictions and embeddings to `output`.

    Returns the content of results.json, in process 0; `flops_per_clip` is of one view, a
    multiply-add being two. `quiet`: without a progress bar. Raises UserError where the workdir has
    no such checkpoint, or is gone when all is scored.
    """
    config, network = experiment.config, experiment.network
    dataset, place = experiment.data.dataset, files.Place(workdir)
    step, variables = restore(network, workdir)
    about = {
        **network.parameters,
        "flops_per_clip": network.once("flops", lambda: flops.forward_flops(network)),
        "step": step,
        "split": config.eval.split,
        "dataset": dataset.name,
        "config": config.name,
    }
    is_primary = distributed.is_primary()
    quiet = quiet or not is_primary
    if frozen_features.are_kept(config) and not config.eval.shuffle_frames:
        clips = experiment.data.clips(config.eval.split)
        experiment = frozen_features.of(experiment, variables, [], clips, quiet)
    scores = Scorer(experiment).score(variables, quiet=quiet)
    if not is_primary or scores is None:
        return {}
    place.check()
    return write_results(scores, about, dataset.class_names, output)


def write_results(
    scores: Scores, about: dict[str, Any], class_names: tuple[str, ...], output: Path
) -> dict[str, Any]:
    """Writes results.json, per_class.csv, predictions.csv and embeddings.npz to `output`.

    `about`: what results.json holds beside the metrics. Without embeddings their file is not
    written. Returns the content of results.json.
    """
    # Here, because scikit-learn takes a second to load, and training starts without it.
    from jaxvid.evaluation import metrics
    from jaxvid.workdir import embeddings

    results = {
        **metrics.summary(scores.probabilities, scores.labels),
        "seconds_per_clip": scores.seconds_per_clip,
        "num_clips": len(scores.clips),
        **about,
    }
    per_class = metrics.per_class(scores.probabilities, scores.labels)
    rows = [[name, *row.values()] for name, row in zip(class_names, per_class, strict=True)]
    files.write_csv(output / "per_class.csv", ("class", *per_class[0]), rows)
    header = (*COLUMNS, *class_names)
    files.write_csv(output / TABLE, header, _predictions(scores, class_names))
    embeddings.save(output, about["step"], scores.embedding, scores.attention)
    files.write_json(output / RESULTS, results)
    return results


def _predictions(scores: Scores, class_names: tuple[str, ...]) -> Iterator[list[Any]]:
    for clip, label, row in zip(scores.clips, scores.labels, scores.probabilities, strict=True):
        best = int(row.argmax())
        shown = [f"{probability:.6f}" for probability in row]
        yield [clip.id, class_names[label], class_names[best], int(best == label), *shown]
