import csv
import functools
import json
import shutil
from pathlib import Path

import jax
import numpy as np
import pytest

from jaxvid.data import pipeline
from jaxvid.errors import UserError
from jaxvid.evaluation.evaluate import Scorer, evaluate
from jaxvid.experiment import experiment as experiments
from jaxvid.experiment import flops
from jaxvid.experiment.restore import restore
from jaxvid.models import normalize
from jaxvid.training.trainer import Trainer

pytestmark = pytest.mark.usefixtures("shallow")


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    return tmp_path_factory.mktemp("trained") / "run"


@pytest.fixture
def trained(tiny, shared, tmp_path, monkeypatch):
    """An experiment whose six training steps are over, and its workdir.

    The first test that asks for it trains, on one device; each has a copy.
    """
    if not shared.exists():
        first = jax.devices()[:1]
        with monkeypatch.context() as patch:
            patch.setattr(jax, "devices", lambda *_: first)
            Trainer(experiments.open_experiment(tiny), shared).run()
    return experiments.open_experiment(tiny), Path(shutil.copytree(shared, tmp_path / "run"))


def by_one(experiment, variables):
    """The probabilities of the test clips, each read and scored alone."""
    apply = jax.jit(functools.partial(experiment.network.model.apply, train=False))
    rows = []
    for clip in experiment.data.clips("test"):
        views = experiment.config.eval.views
        clips = pipeline.eval_clip(
            experiment.data.source[clip.id], experiment.data.clip_settings, views
        )
        logits = np.stack([apply(variables, normalize(c[None])).logits[0] for c in clips])
        shares = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
        rows.append(shares.mean(0))
    return np.stack(rows)


@pytest.mark.parametrize("views", [1, 3])
def test_every_clip_counts_once_whatever_the_batch(trained, views):
    experiment, workdir = trained
    _, variables = restore(experiment.network, workdir)
    experiment.config.eval.views = views
    expected = by_one(experiment, variables)
    for batch_size in (8, 16):  # four test clips: the batch is half or three quarters padding
        experiment.config.eval.batch_size = batch_size
        scores = Scorer(experiment).score(variables)
        assert len(scores.clips) == 4
        np.testing.assert_allclose(scores.probabilities, expected, atol=1e-5)
        assert scores.accuracy == (expected.argmax(1) == scores.labels).mean()
        chosen = expected[np.arange(4), scores.labels]
        assert scores.loss == pytest.approx(-np.log(chosen).mean(), rel=1e-4)


def test_results_are_written_and_agree(trained):
    experiment, workdir = trained
    results = evaluate(experiment, workdir, workdir)
    assert results == json.loads((workdir / "results.json").read_text())
    assert set(results) == {
        *("accuracy", "precision", "recall", "f1", "auc", "parameters", "step", "split"),
        *("parameters_without_classifier", "seconds_per_clip", "num_clips", "dataset", "config"),
        "flops_per_clip",
    }
    assert (results["step"], results["num_clips"], results["split"]) == (6, 4, "test")
    assert results["flops_per_clip"] == flops.forward_flops(experiment.network)
    leaves = jax.tree.leaves(restore(experiment.network, workdir)[1]["params"])
    assert results["parameters"] == sum(leaf.size for leaf in leaves)
    with (workdir / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["clip"] for row in rows] == [c.id for c in experiment.data.clips("test")]
    assert sum(int(row["correct"]) for row in rows) / 4 == results["accuracy"]


@pytest.mark.parametrize("views", [1, 2])
def test_scores_have_what_the_classifier_reads(tiny, views, drawn):
    tiny.update({"eval": {"views": views, "batch_size": 8}})
    tiny.model.update({"backbone": "vgg16", "encoder": "none", "pooling": "attention"})
    experiment = experiments.open_experiment(tiny)
    variables = drawn(experiment.network.shapes)
    scorer = Scorer(experiment)
    scores = scorer.score(variables)
    cut = [
        pipeline.eval_clip(experiment.data.source[clip.id], experiment.data.clip_settings, views)
        for clip in experiment.data.clips("test")
    ]
    apply = jax.jit(functools.partial(experiment.network.model.apply, train=False))
    outputs = apply(variables, normalize(np.concatenate(cut)))
    embedding = outputs.embedding.reshape(4, views, -1).mean(1)
    np.testing.assert_allclose(scores.embedding, embedding, atol=1e-5)
    if views == 1:
        np.testing.assert_allclose(scores.attention, outputs.attention, atol=1e-5)
        tiny.eval.shuffle_frames = True
        scores = scorer.score(variables)
    # The steps of several views, or of shuffled frames, are no places in a clip.
    assert scores.attention is None


def test_the_best_checkpoint_can_be_asked_for(trained):
    experiment, workdir = trained
    experiment.config.eval.checkpoint = "best"
    step, _ = restore(experiment.network, workdir)
    lines = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
    measured = {line["step"]: line["test_accuracy"] for line in lines if "test_accuracy" in line}
    assert measured[step] == max(measured.values())


def test_a_workdir_without_checkpoints_is_an_error(tiny, tmp_path):
    experiment = experiments.open_experiment(tiny)
    with pytest.raises(UserError, match="has no checkpoint: train there first"):
        restore(experiment.network, tmp_path)
