"""Heads compared on the features of one frozen backbone, over folds and seeds.

Each head is what stands behind the backbone in a system of the papers. Every fold of a dataset is
tested on by a head that was trained on the others, once with each seed, by the step, the optimiser,
the loss and the order of clips of a run with the same config; the whole training is one program.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from jaxvid import models, pretrained
from jaxvid.data import pipeline
from jaxvid.data.datasets import Video, folds
from jaxvid.errors import UserError
from jaxvid.evaluation import cross_validation
from jaxvid.experiment import frozen_features
from jaxvid.experiment.experiment import Experiment
from jaxvid.experiment.network import apply, forward
from jaxvid.models.recognizer import Head, Recognizer, head_of
from jaxvid.runtime import devices, files, process_pool
from jaxvid.training import cluster_init, losses, optimizers
from jaxvid.training.schedule import Schedule
from jaxvid.training.step import TrainState, train_step

# By name, the fields of each; what a soft pooling is initialised from has at least 7 steps a clip.
HEADS: Mapping[str, dict[str, Any]] = {
    "mean": {"model.encoder": "none", "model.pooling": "mean"},
    "lstm": {"model.encoder": "lstm", "model.pooling": "mean"},
    "bilstm": {"model.encoder": "bilstm", "model.pooling": "mean"},
    "gru": {"model.encoder": "gru", "model.pooling": "mean"},
    "transformer": {"model.encoder": "transformer", "model.pooling": "mean"},
    "lstm-last": {"model.encoder": "lstm", "model.pooling": "last"},
    "bilstm-last": {"model.encoder": "bilstm", "model.pooling": "last"},
    "attention": {"model.encoder": "none", "model.pooling": "attention"},
    "bilstm-attention": {"model.encoder": "bilstm", "model.pooling": "attention"},
    "bilstm-attention-center": {
        **{"model.encoder": "bilstm", "model.pooling": "attention"},
        "train.center_loss": 0.003,
    },
    **{
        f"bilstm-{name}-{clusters}": {
            **{"model.encoder": "bilstm", "model.pooling": f"soft_{name}"},
            "model.clusters": clusters,
        }
        for name, clusters in (
            *(("bof", 64), ("fv", 64), ("vlad", 64)),
            *(("concat", 16), ("concat", 64), ("concat", 128)),
        )
    },
}


@dataclass(frozen=True)
class Setting:
    """What all heads share: an experiment on features, those features, the folds and the seeds.

    Shapes: features (B,1+A,τ,C') of B videos, the centred clip first, then A augmented draws;
    views (B,V,τ,C'), whose scores are averaged; labels (B,); fold (B,), from 1.
    """

    experiment: Experiment
    videos: list[Video]
    features: np.ndarray
    views: np.ndarray
    labels: np.ndarray
    fold: np.ndarray
    seeds: tuple[int, ...]

    def name(self, fields: Mapping[str, Any]) -> str:
        """Returns a fingerprint of all that a head's results depend on."""
        flat = self._under(fields).to_dict()
        arrays = {name: getattr(self, name) for name in ("features", "views", "labels", "fold")}
        content = [flat["model"], flat["train"], flat["data"]["folds"], self.seeds]
        return files.fingerprint([*content, files.fingerprint_arrays(arrays)])

    def _under(self, fields: Mapping[str, Any]) -> ConfigDict:
        config = self.experiment.config.copy_and_resolve_references()
        config.update_from_flattened_dict(fields)
        return config

    def head(self, fields: Mapping[str, Any]) -> tuple[ConfigDict, Head]:
        """Returns the config of a head's fields, and the head."""
        config = self._under(fields)
        model = models.build(config.model, len(self.experiment.data.dataset.class_names))
        return config, head_of(cast(Recognizer, model))


def open_setting(
    experiment: Experiment,
    seeds: Sequence[int],
    quiet: bool = True,
    stop: Callable[[], object] = lambda: False,
) -> Setting:
    """Computes the features of all videos of a dataset, of which no fold is chosen.

    `experiment` has the split without folds in its data, and the number of folds in its config,
    whose seed draws the augmented clips. `stop`: that of `frozen_features.of`.
    Raises UserError for a backbone without weights, and as `folds.numbered` does.
    """
    config, data = experiment.config, experiment.data
    if not config.init.source:
        raise UserError("config.init.source is empty: heads are compared on a trained backbone")
    numbers = folds.numbered(data.dataset, config.data.folds)
    # In the dataset's order, as a run takes them.
    usable = {clip.id for side in ("train", "val", "test") for clip in data.usable(side)}
    videos = [video for video in data.dataset.videos if video.id in usable]
    shapes = experiment.network.shapes
    loaded = pretrained.load_for(config, shapes, data.dataset.class_names)
    blank = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), shapes)
    variables = pretrained.fill(blank, loaded)
    on_features = frozen_features.of(experiment, variables, videos, videos, quiet, stop)
    kept = cast(frozen_features.FeatureData, on_features.data)
    draws = range(config.train.feature_draws + 1)
    features = np.stack(
        [
            [kept.read(frozen_features.training_clip(video, draw))[0] for draw in draws]
            for video in videos
        ]
    )
    views = np.stack([kept.read((video, "views", config.eval.views)) for video in videos])
    labels = np.array([video.label for video in videos])
    fold = np.array([numbers[video.group] for video in videos])
    return Setting(on_features, videos, features, views, labels, fold, tuple(seeds))


def compare(
    setting: Setting,
    names: Sequence[str],
    workdir: Path,
    show: Callable[[str], None] = lambda _: None,
    stop: Callable[[], bool] = lambda: False,
) -> dict[str, np.ndarray] | None:
    """Returns the probabilities (S,B,N) of all videos with S seeds by head, each tested once.

    They are kept in `workdir`, and read from there the next time. None where `stop`, called before
    every training, ended it. `show` receives a line for each head.
    """
    found = {}
    for name in names:
        path = workdir / f"{name}.npy"
        about, made_of = workdir / f"{name}.json", {"made_of": setting.name(HEADS[name])}
        if not (path.is_file() and about.is_file() and files.read_json(about) == made_of):
            scores = _scores(setting, HEADS[name], stop)
            if scores is None:
                return None
            about.unlink(missing_ok=True)
            files.write_array(path, scores)
            files.write_json(about, made_of)
        found[name] = files.read_array(path)
        right = (found[name].argmax(-1) == setting.labels).mean(axis=1)
        show(f"{name}: top-1 {right.mean():.4f} over {len(setting.seeds)} seeds")
    return found


def _scores(
    setting: Setting, fields: Mapping[str, Any], stop: Callable[[], bool]
) -> np.ndarray | None:
    config, head = setting.head(fields)
    count = max((setting.fold != number).sum() for number in set(setting.fold))
    # One number of steps for all folds, so that they share a program.
    schedule = Schedule.of(config.train, int(count))
    train = _trainer(config, head, setting, schedule)
    jobs = [(s, n) for s in range(len(setting.seeds)) for n in sorted(set(setting.fold))]
    scores = np.zeros((len(setting.seeds), len(setting.labels), head.num_classes), np.float32)

    def run(job: tuple[int, int]) -> None:
        if stop():
            return
        place, number = job
        tested = setting.fold == number
        shares = train(setting.seeds[place], np.flatnonzero(~tested))
        scores[place, tested] = shares[tested]

    run(jobs[0])  # alone: the others find it compiled
    with ThreadPoolExecutor(process_pool.cores()) as pool:
        list(pool.map(run, jobs[1:]))
    return None if stop() else scores


def _trainer(
    config: ConfigDict, head: Head, setting: Setting, schedule: Schedule
) -> Callable[[int, np.ndarray], np.ndarray]:
    """Returns the training of a head with a seed on some clips -> probabilities (B,N) of all."""
    optimizer = optimizers.build(config.train, schedule)
    draws, size = config.train.feature_draws, config.train.batch_size
    features, labels = jnp.asarray(setting.features), jnp.asarray(setting.labels)
    views = jnp.asarray(setting.views)

    @devices.jit
    def initial(key: jax.Array) -> Any:
        return head.init(key, features[:1, 0])["params"]

    @devices.jit
    def sequences(params: Any) -> jax.Array:
        return apply(head, {"params": params}, features[:, 0]).sequence

    @devices.jit
    def trained(params: Any, key: jax.Array, order: Any, weights: jax.Array) -> jax.Array:
        centers = None
        if config.train.center_loss:
            width = jax.eval_shape(lambda p: apply(head, {"params": p}, features[:1, 0]), params)
            centers = jnp.zeros((head.num_classes, width.embedding.shape[-1]))
        state = TrainState(jnp.zeros((), jnp.int32), params, {}, optimizer.init(params), centers)

        def step(state: TrainState, chosen: Any) -> tuple[TrainState, None]:
            video, draw = chosen
            batch = {"clip": features[video, draw], "label": labels[video]}
            if config.train.balance == "loss":
                batch["weight"] = weights[batch["label"]]
            state, _ = train_step(head, optimizer, config.train, state, batch, key)
            return state, None

        state, _ = jax.lax.scan(step, state, order)
        return forward(head, {"params": state.params}, views)["probabilities"]

    def run(seed: int, clips: np.ndarray) -> np.ndarray:
        key = jax.random.key(seed)
        params = initial(key)
        if cluster_init.are_fitted(config.model):
            own = config.copy_and_resolve_references()
            own.seed = seed
            drawn = clips[np.random.default_rng(seed).permutation(len(clips))]
            steps = np.asarray(sequences(params))[drawn]
            params = {**params, "pooling": cluster_init.fitted(params["pooling"], steps, own)}
        chosen = [setting.videos[i] for i in clips]
        place = {video.id: i for video, i in zip(chosen, clips, strict=True)}
        examples = range(schedule.steps * size)
        video = [place[pipeline.training_video(chosen, seed, g).id] for g in examples]
        draw = [pipeline.draw_of(g, len(chosen), draws) for g in examples]
        order = tuple(np.array(each, np.int32).reshape(-1, size) for each in (video, draw))
        weights = losses.balancing_weights(setting.labels[clips], head.num_classes)
        return np.asarray(trained(params, key, order, weights))

    return run


@functools.cache
def interval(count: int) -> float:
    """Returns the factor of the standard error of a mean of `count` values: 95 %, Student's t."""
    from scipy.stats import t

    return float(t.ppf(0.975, count - 1))


def summary(setting: Setting, found: Mapping[str, np.ndarray], base: np.ndarray) -> list[dict]:
    """Returns a row for each head: its accuracy over the seeds, and its difference from `base`.

    `base`: probabilities (S,B,N) on the same videos and folds. The differences are paired by fold,
    each fold the mean over the seeds, with their interval of 95 %: it covers other videos as far as
    the folds do.
    """
    numbers = sorted(set(setting.fold))

    def by_fold(probabilities: np.ndarray) -> np.ndarray:
        right = (probabilities.argmax(-1) == setting.labels).mean(axis=0)
        return np.array([right[setting.fold == number].mean() for number in numbers])

    rows = []
    for name, probabilities in found.items():
        right = (probabilities.argmax(-1) == setting.labels).mean(axis=1)
        difference = by_fold(probabilities) - by_fold(base)
        error = difference.std(ddof=1) / len(numbers) ** 0.5
        rows.append(
            {
                "head": name,
                "mean": float(right.mean()),
                "std": float(right.std(ddof=1)) if len(right) > 1 else 0.0,
                "min": float(right.min()),
                "max": float(right.max()),
                "difference": float(difference.mean()),
                "interval": float(interval(len(numbers)) * error),
            }
        )
    return rows


def check(config: ConfigDict) -> None:
    """Raises UserError for a config whose heads cannot be compared on kept features."""
    cross_validation.check_folds(config)
    if not frozen_features.are_kept(config):
        raise UserError(
            "heads are compared on a frozen backbone: take a config with init=NAME,train=head"
        )
