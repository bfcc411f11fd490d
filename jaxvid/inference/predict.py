"""Labels of videos, from the clips that an evaluation reads."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
from ml_collections import ConfigDict

from jaxvid.data import loading, pipeline, records
from jaxvid.data.modalities import Modality
from jaxvid.data.records import Record
from jaxvid.experiment.batched import Inference
from jaxvid.experiment.memory import MOST
from jaxvid.inference import video_files
from jaxvid.inference.timeline import Segment
from jaxvid.inference.video_files import Cut, Done, Forward, Outputs
from jaxvid.runtime import files
from jaxvid.workdir import layout as workdirs

Names = tuple[str, ...]
Opened = tuple[Forward, Cut[None]]


@dataclass(frozen=True)
class Labels:
    """The probabilities of the classes for videos, (B, N), and the reasons for those skipped."""

    class_names: tuple[str, ...]
    videos: list[Path]
    probabilities: np.ndarray
    skipped: dict[Path, str]

    def top(self, count: int) -> Iterator[tuple[Path, list[tuple[str, float]]]]:
        """Yields each video with its `count` most probable labels, the first one first."""
        for video, row in zip(self.videos, self.probabilities, strict=True):
            best = np.argsort(-row, kind="stable")[:count]
            yield video, [(self.class_names[i], float(row[i])) for i in best]

    def segments(self) -> Iterator[tuple[Path, list[Segment]]]:
        """Yields each video with its label as one segment of the whole video."""
        for video, [(label, share)] in self.top(1):
            yield video, [Segment(0.0, float("inf"), label, share)]

    def write(self, file: Path, top: int = 5) -> None:
        """Writes CSV, a row per video with a column per class, or JSON, with the `top` labels."""
        rows = zip(self.top(top), self.probabilities.astype(float), strict=True)
        if file.suffix.lower() == ".json":
            items = []
            for (video, best), row in rows:
                labels = [{"label": name, "probability": round(share, 6)} for name, share in best]
                shares = dict(zip(self.class_names, row.round(6).tolist(), strict=True))
                items.append({"video": str(video), "top": labels, "probabilities": shares})
            files.write_json(file, items)
            return
        lines = [
            [str(video), name, f"{share:.6f}", *(f"{each:.6f}" for each in row)]
            for (video, [(name, share), *_]), row in rows
        ]
        files.write_csv(file, ("video", "predicted", "probability", *self.class_names), lines)


def predict(
    config: ConfigDict, folder: Path, videos: Iterable[Path], done: Done = video_files.ignore
) -> Labels:
    """Returns the labels of videos by the model of the workdir `folder`; needs no dataset.

    The clips and the computation are those of an evaluation under this config. Raises UserError
    for a workdir without a model of it.
    """
    if config.model.system != "sift":
        return label(Inference(config, folder, wanted=("probabilities",)), videos, done)
    names = workdirs.class_names(folder)
    return _labels(config, names, _sift(config, folder, names), videos, done)


def label(network: Inference, videos: Iterable[Path], done: Done = video_files.ignore) -> Labels:
    """Returns the labels of videos by an opened network."""
    config, names, paths = network.config, network.class_names, list(videos)
    size = network.batch_size(config.eval.views, most=len(paths))
    model = partial(network, size=size), clip_of(config, names)
    return _labels(config, names, model, paths, done, size)


def _labels(
    config: ConfigDict,
    class_names: Names,
    model: Opened,
    videos: Iterable[Path],
    done: Done,
    ahead: int = MOST,
) -> Labels:
    rows, skipped = video_files.collect(*model, config, videos, done, ahead)
    shares = np.array([outputs["probabilities"] for [(_, outputs)] in rows.values()])
    return Labels(class_names, list(rows), shares, skipped)


def clips(
    network: Inference, videos: Iterable[Path], done: Done = video_files.ignore
) -> tuple[dict[Path, Any], dict[Path, str]]:
    """Returns the clip of each video that an evaluation reads, and the reasons for those skipped.

    A clip is (T, H, W, C), or (V, T, H, W, C) under a config of V > 1 views.
    """
    cut = clip_of(network.config, network.class_names)
    rows, skipped = video_files.collect(lambda c: iter(c), cut, network.config, videos, done)
    found = {path: views for path, [(_, views)] in rows.items()}
    return jax.tree.map(lambda x: x[0] if len(x) == 1 else x, found), skipped


def clip_of(config: ConfigDict, class_names: Names) -> Cut[None]:
    """Returns what yields the clip of a video that an evaluation reads, (V, T, H, W, C)."""
    modalities = video_files.modalities_of(config, class_names)
    settings = loading.clip_settings(config)

    def cut(path: Path) -> Iterator[tuple[None, Any]]:
        yield None, pipeline.eval_clip(_video(path, modalities), settings, config.eval.views)

    return cut


def _sift(config: ConfigDict, folder: Path, class_names: Names) -> Opened:
    """Returns a forward pass without a network: `cut` computes the probabilities, in threads."""
    from jaxvid.classical.evaluate import labeller
    from jaxvid.classical.experiment import check, no_inner_threads

    check(config)
    modalities = video_files.modalities_of(config, class_names)
    score = labeller(config, folder, len(class_names))

    def cut(path: Path) -> Iterator[tuple[None, Outputs]]:
        yield None, {"probabilities": score(_video(path, modalities))}

    def forward(scored: Iterable[tuple[Any, Any]]) -> Iterator[tuple[Any, Outputs]]:
        with no_inner_threads():
            yield from scored

    return forward, cut


def _video(path: Path, modalities: list[Modality]) -> list[tuple[Modality, Record]]:
    return [(modality, records.decode(path, modality)) for modality in modalities]
