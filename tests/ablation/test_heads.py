"""Heads compared on a frozen backbone: each is trained as a run of its own would be."""

import csv

import numpy as np
import pytest
import short
from scipy.stats import ttest_1samp

from jaxvid import main as command
from jaxvid.ablation import heads
from jaxvid.config import files as config_files
from jaxvid.errors import UserError
from jaxvid.evaluation import cross_validation
from jaxvid.evaluation.evaluate import Scorer
from jaxvid.experiment import frozen_features
from jaxvid.experiment.experiment import open_experiment
from jaxvid.models import c3d
from jaxvid.training.trainer import Trainer


@pytest.fixture
def frozen(tiny, tmp_path, one_device, monkeypatch, saved):
    """Two folds, a backbone that a run has trained, and a cache of its own."""
    monkeypatch.setattr(c3d, "STAGES", short.STAGES)
    tiny.data.cache = str(tmp_path / "cache")
    tiny.model.update(backbone="c3d", width=0.03125, encoder="none")
    saved(open_experiment(tiny), tmp_path / "start")
    tiny.init.update(source="workdir", path=str(tmp_path / "start"))
    tiny.data.folds = 2
    tiny.train.update(freeze_backbone_epochs=4.0, feature_draws=1, epochs=4.0, learning_rate=0.01)
    return tiny


def setting(config, seeds=(0, 1)):
    opened = open_experiment(cross_validation.without_folds(config))
    return heads.open_setting(opened.on(config, opened.data.dataset), seeds)


def by_a_run(config, fields, fold, made, workdir):
    """The places of a fold's videos in a setting, and their scores by a run of these fields."""
    config.update_from_flattened_dict(fields)
    config.data.split = fold
    trainer = Trainer(open_experiment(config), workdir)
    state = trainer.run()
    scores = Scorer(trainer.on_features(state)).score(state.variables)
    place = {video.id: i for i, video in enumerate(made.videos)}
    return [place[clip.id] for clip in scores.clips], scores.probabilities


@pytest.mark.parametrize("name", ["bilstm", "bilstm-attention-center"])
def test_a_head_is_trained_as_a_run_trains_it(frozen, tmp_path, name):
    made = setting(frozen)
    assert made.features.shape[:2] == (16, 2)
    assert sorted(np.bincount(made.fold)[1:]) == [8, 8]
    found = heads.compare(made, [name], tmp_path / "heads")[name]

    tested, expected = by_a_run(frozen, heads.HEADS[name], 2, made, tmp_path / "run")
    assert sorted(tested) == np.flatnonzero(made.fold == 2).tolist()
    np.testing.assert_allclose(found[0, tested], expected, atol=1e-4)
    assert np.ptp(found[0, tested]) > 0.01


def test_what_is_there_is_read_and_a_stopped_comparison_continues(frozen, tmp_path, monkeypatch):
    made = setting(frozen, seeds=(0,))
    calls = []
    assert heads.compare(made, ["mean"], tmp_path, stop=lambda: bool(calls.append(1))) is not None
    assert heads.compare(made, ["attention"], tmp_path, stop=lambda: True) is None
    assert not (tmp_path / "attention.npy").exists()
    first = (tmp_path / "mean.npy").read_bytes()
    monkeypatch.setattr(heads, "_scores", lambda *_: pytest.fail("trained again"))
    lines = []
    heads.compare(made, ["mean"], tmp_path, lines.append)
    assert (tmp_path / "mean.npy").read_bytes() == first
    assert len(lines) == 1 and lines[0].startswith("mean: top-1 ")


def test_differences_are_paired_by_fold(frozen):
    made = setting(frozen, seeds=(0, 1, 2))
    rng = np.random.default_rng(0)
    base, other = rng.random((2, 3, len(made.labels), 2))
    (row,) = heads.summary(made, {"other": other}, base)
    right = [(p.argmax(-1) == made.labels).mean(axis=0) for p in (other, base)]
    by_fold = [np.mean((right[0] - right[1])[made.fold == number]) for number in (1, 2)]
    expected = ttest_1samp(by_fold, 0).confidence_interval(0.95)
    assert row["difference"] == pytest.approx(np.mean(by_fold))
    assert row["interval"] == pytest.approx((expected.high - expected.low) / 2)
    accuracies = (other.argmax(-1) == made.labels).mean(axis=1)
    assert (row["mean"], row["min"]) == pytest.approx((accuracies.mean(), accuracies.min()))


def test_the_command_writes_a_table(frozen, tiny_file, tmp_path, capsys):
    tiny_file.with_suffix(".json").write_text(config_files.to_json(frozen))
    folder = tmp_path / "heads"
    arguments = ["jaxvid", "heads", str(tiny_file), f"--workdir={folder}", "--heads=mean,attention"]
    assert command.main(arguments) == 0
    printed = capsys.readouterr().out
    assert "differences are from mean, by fold" in printed
    with (folder / "heads.csv").open() as table:
        rows = list(csv.DictReader(table))
    assert [row["head"] for row in rows] == ["mean", "attention"]
    assert float(rows[0]["difference"]) == 0
    assert command.main([*arguments, f"--against={folder}", "--heads=attention"]) == 0
    assert command.main([*arguments, "--against=nowhere"]) == 2
    assert "--against=nowhere: there is no nowhere/mean.npy" in capsys.readouterr().err
    assert command.main([*arguments, "--heads=men"]) == 2
    assert "did you mean" in capsys.readouterr().err


def test_clusters_are_those_of_a_run_and_too_few_steps_are_said(frozen, tmp_path):
    fields = {"model.encoder": "none", "model.pooling": "soft_vlad", "model.clusters": 4}
    made = setting(frozen, seeds=(0,))
    shares = heads._scores(made, fields, lambda: False)
    tested, expected = by_a_run(frozen, fields, 1, made, tmp_path / "run")
    np.testing.assert_allclose(shares[0, tested], expected, atol=1e-3)
    with pytest.raises(UserError, match=r"clusters=128: .* too few for 128 clusters"):
        heads._scores(made, heads.HEADS["bilstm-concat-128"], lambda: False)


def test_shuffled_frames_have_no_features_that_are_kept(frozen, tmp_path):
    frozen.eval.shuffle_frames = True
    with pytest.raises(UserError, match="shuffled frames have other features"):
        Trainer(open_experiment(frozen), tmp_path / "run").run()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"data.folds": 0}, "config.data.folds=0: set it to the number of folds"),
        ({"train.feature_draws": -1}, "compared on a frozen backbone"),
        ({"train.epochs": 8.0}, "compared on a frozen backbone"),
    ],
)
def test_a_config_without_folds_or_features_is_refused(frozen, fields, message):
    frozen.update_from_flattened_dict(fields)
    with pytest.raises(UserError, match=message):
        heads.check(frozen)
    assert frozen_features.are_kept(frozen) == ("data.folds" in fields)
