"""Heads trained on features that are kept do what training through the backbone does."""

import csv
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import pytest
import short
from flax.traverse_util import flatten_dict, unflatten_dict

from jaxvid.config import checks
from jaxvid.errors import UserError
from jaxvid.evaluation.evaluate import evaluate
from jaxvid.experiment import frozen_features
from jaxvid.experiment.data import PreparedData
from jaxvid.experiment.experiment import open_experiment
from jaxvid.models import c3d
from jaxvid.training.trainer import Trainer
from jaxvid.workdir.metrics_log import read_metrics


class DrawnData(PreparedData):
    """Clips through the backbone, of the draws whose features are kept elsewhere."""

    @property
    def clip_settings(self):
        return replace(super().clip_settings, draws=self.config.train.feature_draws)


@pytest.fixture
def frozen(tiny, tmp_path, one_device, monkeypatch):
    """A head of attention with a center loss on a frozen backbone, and a cache of its own."""
    monkeypatch.setattr(c3d, "STAGES", short.STAGES)
    tiny.model.update(backbone="c3d", width=0.03125)
    tiny.data.cache = str(tmp_path / "cache")
    tiny.model.pooling = "attention"
    tiny.model.dropout = 0.0
    tiny.train.update(freeze_backbone_epochs=4.0, feature_draws=1, center_loss=0.01, epochs=4.0)
    checks.check(tiny)
    return tiny


def losses(workdir):
    lines = read_metrics(workdir)
    return [line["loss"] for line in lines if "loss" in line], [
        line["test_loss"] for line in lines if "test_loss" in line
    ]


def probabilities(folder):
    with (folder / "predictions.csv").open() as file:
        return [list(row.values())[4:] for row in csv.DictReader(file)]


def kept(config):
    return sorted(Path(config.data.cache).glob("features/*/*.npy"))


def test_training_on_kept_features_is_training_through_the_backbone(frozen, tmp_path, monkeypatch):
    experiment = open_experiment(frozen)
    state = Trainer(experiment, tmp_path / "kept").run()
    assert len(kept(frozen)) == 12 * 2 + 4  # the centred clip and a draw of each; the test clips
    results = evaluate(experiment, tmp_path / "kept", tmp_path / "kept")

    data = DrawnData(frozen, experiment.data.dataset, experiment.data.source)
    through = Trainer(replace(experiment, data=data), tmp_path / "through")
    monkeypatch.setattr(through, "on_features", lambda *_: through.experiment)
    expected = through.run()
    for mine, theirs in zip(losses(tmp_path / "kept"), losses(tmp_path / "through"), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-5)
    for mine, theirs in zip(*map(jax.tree.leaves, (state.params, expected.params)), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-3, atol=1e-5)

    with monkeypatch.context() as patch:
        patch.setattr(frozen_features, "are_kept", lambda _: False)
        plain = evaluate(experiment, tmp_path / "kept", tmp_path / "plain")
    assert results["accuracy"] == plain["accuracy"]
    ours, theirs = probabilities(tmp_path / "kept"), probabilities(tmp_path / "plain")
    np.testing.assert_allclose(np.float64(ours), np.float64(theirs), atol=2e-6)
    assert results["seconds_per_clip"] > 0.2 * plain["seconds_per_clip"]  # of the backbone, too


def test_what_is_missing_is_computed_and_nothing_else(frozen, tmp_path, monkeypatch):
    experiment = open_experiment(frozen)
    trainer = Trainer(experiment, tmp_path / "run")
    state = trainer._new(trainer.key)
    trainer.on_features(state)
    before = {path: path.stat().st_mtime_ns for path in kept(frozen)}
    lost = list(before)[::5]
    for path in lost:
        path.unlink()
    computed = []
    run = frozen_features._run

    def counting(experiment, data, backbone, clips, *others):
        computed.extend(data.path(clip) for clip in clips)
        return run(experiment, data, backbone, clips, *others)

    monkeypatch.setattr(frozen_features, "_run", counting)
    trainer.on_features(state)
    assert sorted(computed) == lost
    assert all(path.stat().st_mtime_ns == time for path, time in before.items() if path not in lost)
    computed.clear()
    trainer.on_features(state)
    assert not computed


def test_a_stop_ends_it_at_once_and_keeps_what_there_is(frozen, tmp_path):
    frozen.eval.batch_size = 8
    calls = []
    trainer = Trainer(open_experiment(frozen), tmp_path / "run")
    with pytest.raises(KeyboardInterrupt):
        trainer.run(lambda: calls.append(1) or len(calls) > 1)
    assert 0 < len(kept(frozen)) < 12 * 2 + 4
    trainer.run()
    assert len(kept(frozen)) == 12 * 2 + 4


def test_other_weights_clips_or_videos_have_other_features(frozen, tmp_path):
    def path_of(config, change=lambda tree: tree):
        trainer = Trainer(open_experiment(config), tmp_path / "run")
        variables = change(jax.device_get(trainer._new(trainer.key).variables))
        experiment = frozen_features.of(trainer.experiment, variables, [], trainer.clips[:1])
        return experiment.data.path((trainer.clips[0], "views", 1))

    first = path_of(frozen)
    seen = {first}

    def nudged(variables):
        flat = flatten_dict(variables)
        name = min(path for path in flat if path[:2] == ("params", "backbone"))
        return unflatten_dict(flat | {name: flat[name] + 1e-6})

    seen.add(path_of(frozen, nudged))
    for field, value in {
        "data.image_size": 48,
        "data.num_frames": 10,
        "data.augment": False,
        "eval.crop": "whole",
    }.items():
        other = frozen.copy_and_resolve_references()
        other.update_from_flattened_dict({field: value})
        seen.add(path_of(other))
    assert len(seen) == 6
    head = frozen.copy_and_resolve_references()
    head.update_from_flattened_dict({"model.encoder": "none", "train.learning_rate": 1.0})
    assert path_of(head) == first


def test_a_changed_video_has_other_features(frozen, tmp_path, dataset_root):
    root = shutil.copytree(dataset_root, tmp_path / "dataset")
    frozen.data.root = str(root)
    clip = open_experiment(frozen).data.clips("test")[0]

    def path():
        data = open_experiment(frozen).data
        return frozen_features.FeatureData(frozen, data.dataset, data.source, tmp_path).path(
            (clip, "views", 1)
        )

    first = path()
    assert path() == first
    file = open_experiment(frozen).data.dataset.folder / clip.path
    os.utime(file, ns=(1, 1))
    assert path() != first


def test_after_the_frozen_epochs_the_backbone_is_trained(frozen, tmp_path):
    frozen.train.epochs = 6.0
    run = Trainer(open_experiment(frozen), tmp_path / "run")
    backbone = jax.device_get(run._new(run.key).params["backbone"])
    state = run.run()
    moved = jax.tree.map(lambda a, b: np.abs(a - b).max(), backbone, state.params["backbone"])
    assert max(jax.tree.leaves(moved)) > 1e-5
    assert not frozen_features.are_kept(frozen)
    assert len(losses(tmp_path / "run")[0]) == 9
    json.dumps(evaluate(run.experiment, tmp_path / "run", tmp_path / "run"))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"train.freeze_backbone_epochs": 0.0}, "requires config.train.freeze_backbone_epochs"),
        ({"model.system": "deep_fusion"}, "the system deep_fusion has no features"),
        ({"train.feature_draws": -2}, "must be at least -1"),
    ],
)
def test_a_config_without_such_features_is_refused(frozen, fields, message):
    frozen.update_from_flattened_dict(fields)
    with pytest.raises(UserError, match=message):
        checks.check(frozen)
