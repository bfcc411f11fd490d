"""The features of a frozen backbone: computed once per clip, and kept beside the records.

    CACHE/features/BACKBONE/*.npy    a file for each clip (V,τ,C'), V views or one

The folder is named by everything that determines what the backbone computes of a clip: its
weights, its fields, those of the clips; a file by its video's record and which clip of it it is.
So another weight file, crop, number of frames or video never reads old features, and what a stopped
command computed is used by the next one.
"""

import functools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import jax
import numpy as np
from ml_collections import ConfigDict

from jaxvid.config.fields import flatten
from jaxvid.data import loading, pipeline
from jaxvid.data.clip_cutting import ClipSettings
from jaxvid.data.damage import naming
from jaxvid.data.datasets import Video
from jaxvid.errors import UserError
from jaxvid.experiment import memory
from jaxvid.experiment.data import PreparedData
from jaxvid.experiment.experiment import Experiment
from jaxvid.models import normalize
from jaxvid.runtime import devices, distributed, files
from jaxvid.runtime.devices import compute_dtype
from jaxvid.runtime.progress import Bar

FORMAT = 1
ABOUT = "about.json"
# Fields of `model` that the backbone does not read, and of `data` that no clip depends on, beside
# what its record does, which is in the record's name.
_NOT_OF_THE_BACKBONE = (
    *("system", "encoder", "hidden", "encoder_layers", "pooling", "clusters", "aggregated"),
    *("cluster_start", "direct_logits", "dropout", "backbone_dropout", "encoder_dropout"),
    *("bn_momentum", "remat"),
)
_OF_CLIPS = (
    *("num_frames", "image_size", "fps", "augment", "mirror", "sampling", "intervals"),
    *("modality", "flow.stack", "least_share"),
    *("skeleton_input", "view_normalised", "rotation"),
)

Clip = tuple[Video, str, int]  # a clip of a video: "views" and how many, or "draw" and its number


def are_kept(config: ConfigDict) -> bool:
    """Whether a config's backbone never trains, and its features are to be kept."""
    train = config.train
    return train.feature_draws >= 0 and train.freeze_backbone_epochs >= train.epochs


@dataclass(frozen=True)
class FeatureData(PreparedData):
    """Prepared data whose clips are the backbone's features, read from `folder`."""

    folder: Path

    @property
    def clip_settings(self) -> ClipSettings:
        """How clips are cut from videos; a training video has few of them."""
        return replace(super().clip_settings, draws=self.config.train.feature_draws)

    def train_batches(self, clips: list[Video], first: int, last: int) -> Iterator[dict[str, Any]]:
        """Yields the batches of `PreparedData.train_batches`, clips being features (b,τ,C')."""
        part = self.config.train.batch_size // self.reading.process_count
        for batch in range(first, last):
            start = batch * self.config.train.batch_size + self.reading.process_index * part
            videos, features = [], []
            for g in range(start, start + part):
                video = pipeline.training_video(clips, self.config.seed, g)
                draw = pipeline.draw_of(g, len(clips), self.config.train.feature_draws)
                videos.append(video)
                features.append(self.read(training_clip(video, draw))[0])
            labels = np.array([video.label for video in videos], np.int32)
            yield {"clip": np.stack(features), "label": labels}

    def eval_batches(
        self, clips: list[Video], views: int, size: int, shuffle_seed: int | None = None
    ) -> Iterator[dict[str, Any]]:
        """Yields the batches of `PreparedData.eval_batches`, clips being features (b,V,τ,C')."""
        if shuffle_seed is not None:
            raise UserError(
                "config.eval.shuffle_frames=True: shuffled frames have other features than those "
                "kept; train without it, then `jaxvid eval` with it"
            )
        part = size // self.reading.process_count
        for first in range(0, len(clips), size):
            start = first + self.reading.process_index * part
            chosen = [clips[min(i, len(clips) - 1)] for i in range(start, start + part)]
            yield {"clip": np.stack([self.read((video, "views", views)) for video in chosen])}

    def path(self, clip: Clip) -> Path:
        """Returns the file of a clip's features."""
        video, kind, number = clip
        content = [video.id, self.source.identity(video.id), kind, number]
        if kind == "draw":
            content.append(self.config.seed)
        return self.folder / f"{files.fingerprint(content)}.npy"

    def read(self, clip: Clip) -> np.ndarray:
        """Returns the features of a clip, (V,τ,C'). Raises UserError for a damaged file."""
        return _read(self.path(clip))


@functools.lru_cache(maxsize=20_000)  # of half a gigabyte, where a clip has 7 steps of 1024
def _read(path: Path) -> np.ndarray:
    return files.read_array(path)


def training_clip(video: Video, draw: int) -> Clip:
    """Returns a training clip: draw 0 is the one that evaluation sees."""
    return (video, "draw", draw) if draw else (video, "views", 1)


def of(
    experiment: Experiment,
    variables: Any,
    trained: list[Video],
    scored: list[Video],
    quiet: bool = True,
    stop: Callable[[], object] = lambda: False,
) -> Experiment:
    """Returns an experiment on features: those of clips that are missing are computed first.

    `variables`: those of the whole model. `trained`, `scored`: the videos to train and to score on.
    `quiet`: without a progress bar. Its network's model is the head, and takes the variables of the
    whole model. All processes call it with the same arguments. `stop` is called before every batch
    of a process that works alone; where it returns true, that ends in a KeyboardInterrupt, which
    loses nothing: what is computed is kept.
    """
    config, network = experiment.config, experiment.network
    backbone = {kind: tree["backbone"] for kind, tree in variables.items() if "backbone" in tree}
    backbone = network.devices.gathered(backbone)
    folder = loading.cache_folder(config.data) / "features" / _name(config, backbone)
    data = FeatureData(config, experiment.data.dataset, experiment.data.source, folder)
    draws = range(config.train.feature_draws + 1)
    clips = [training_clip(video, draw) for draw in draws for video in trained]
    clips += [(video, "views", config.eval.views) for video in scored]
    _compute(experiment, data, backbone, list(dict.fromkeys(clips)), quiet, stop)
    return replace(experiment, network=replace(network, on_features=True), data=data)


def seconds_per_view(folder: Path) -> float:
    """Returns the seconds that the backbone took for the features of a view in a folder."""
    return float(files.read_json(folder / ABOUT)["seconds_per_view"])


def _name(config: ConfigDict, backbone: Any) -> str:
    flat = flatten(config)
    fields = {
        name: value
        for name, value in flat.items()
        if (name.startswith("model.") and name.removeprefix("model.") not in _NOT_OF_THE_BACKBONE)
        or (name.startswith("data.") and name.removeprefix("data.") in _OF_CLIPS)
    }
    weights = files.fingerprint_arrays(
        {jax.tree_util.keystr(p): leaf for p, leaf in jax.tree_util.tree_leaves_with_path(backbone)}
    )
    content = [FORMAT, fields, compute_dtype(config.train.dtype).name, weights]
    return f"{config.model.backbone}-{files.fingerprint(content)}"


def _compute(
    experiment: Experiment,
    data: FeatureData,
    backbone: Any,
    clips: list[Clip],
    quiet: bool,
    stop: Callable[[], object],
) -> None:
    """Computes the features of the clips that have none, this process its share of them."""
    about = data.folder / ABOUT

    def missing_ones() -> list[int]:
        missing = [i for i, clip in enumerate(clips) if not data.path(clip).is_file()]
        return missing or [0] * (not about.is_file())

    # Decided by one: files appear while others look.
    missing = distributed.from_primary(missing_ones)
    mine = [clips[i] for i in missing[distributed.index() :: distributed.count()]]
    if mine:
        data.folder.mkdir(parents=True, exist_ok=True)
        with Bar("computing features, clip", len(mine), quiet=quiet) as bar:
            seconds = []
            for count in sorted({_views(clip) for clip in mine}):
                same = [clip for clip in mine if _views(clip) == count]
                seconds += _run(experiment.local, data, backbone, same, bar, stop)
        if distributed.is_primary():
            files.write_json(about, {"seconds_per_view": median(seconds)})
    distributed.wait_for_all()


def _views(clip: Clip) -> int:
    _, kind, number = clip
    return number if kind == "views" else 1


def _run(
    experiment: Experiment,
    data: FeatureData,
    backbone: Any,
    clips: list[Clip],
    bar: Bar,
    stop: Callable[[], object],
) -> list[float]:
    """Computes clips of as many views each; returns the seconds that batches took, by view."""
    network = experiment.network
    views, module = _views(clips[0]), experiment.network.model.backbone

    def features_of(variables: Any, batch: Any) -> jax.Array:
        merged = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), normalize(batch))
        found = module.apply(variables, merged, False)
        return found.reshape(-1, views, *found.shape[1:]).astype(np.float32)

    forward = devices.jit(features_of, out_shardings=network.devices.replicated)
    backbone = jax.device_put(backbone, network.devices.replicated)
    size = memory.batch_size(network, forward, backbone, data.ahead, views, len(clips))
    seconds: list[float] = []
    for start, batch in zip(range(0, len(clips), size), _batches(data, clips, size), strict=True):
        if distributed.count() == 1 and stop():
            raise KeyboardInterrupt
        if not start:  # once more than needed, so that no timed batch compiles
            forward(backbone, network.devices.put_batch(batch["clip"])).block_until_ready()
        begin = perf_counter()
        with memory.naming(experiment.config, "eval.batch_size"):
            found = np.asarray(forward(backbone, network.devices.put_batch(batch["clip"])))
        seconds.append((perf_counter() - begin) / (size * views))
        for clip, features in zip(clips[start : start + size], found, strict=False):
            files.write_array(data.path(clip), features)
        bar.advance(min(size, len(clips) - start))
    return seconds


def _batches(data: FeatureData, clips: list[Clip], size: int) -> Iterable[dict[str, Any]]:
    settings = data.clip_settings

    def example(g: int) -> dict[str, Any]:
        video, kind, number = clips[min(g, len(clips) - 1)]
        with naming(video.id):
            record = data.source[video.id]
            if kind == "views":
                return {"clip": pipeline.eval_clip(record, settings, number)}
            clip = pipeline.draw(record, settings, data.config.seed, video.id, number)
            return {"clip": jax.tree.map(lambda frames: frames[None], clip)}

    reading = replace(data.reading, process_index=0, process_count=1)
    return pipeline.batches(example, size, 0, -(-len(clips) // size), reading)
