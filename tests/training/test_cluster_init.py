import jax
import numpy as np
import pytest

from jaxvid import models
from jaxvid.errors import UserError
from jaxvid.experiment import experiment as experiments
from jaxvid.training import cluster_init
from jaxvid.training.trainer import Trainer

pytestmark = pytest.mark.usefixtures("shallow")


@pytest.fixture
def soft(tiny, one_device):
    """`tiny` with a soft concatenation of four clusters, on one device."""
    tiny.model.pooling = "soft_concat"
    tiny.model.clusters = 4
    tiny.model.aggregated = 8
    return tiny


def test_clusters_are_fitted_once(soft, tmp_path, monkeypatch):
    experiment = experiments.open_experiment(soft)
    first = Trainer(experiment, tmp_path).start()
    monkeypatch.setattr(cluster_init, "fit", lambda *_: pytest.fail("fitted again"))
    again = Trainer(experiment, tmp_path).start()
    jax.tree.map(np.testing.assert_array_equal, first.params, again.params)
    np.savez(tmp_path / "clusters.npz", weights=np.zeros(3))
    with pytest.raises(UserError, match=r"clusters\.npz holds the clusters of another model"):
        Trainer(experiment, tmp_path).start()


def test_clusters_start_from_the_features_of_training_clips(soft, tmp_path):
    experiment = experiments.open_experiment(soft)
    trainer = Trainer(experiment, tmp_path)
    state = trainer.start()
    pooling = jax.device_get(state.params["pooling"])
    centres, weights = pooling["vlad"]["centres"], pooling["vlad"]["weights"]
    np.testing.assert_allclose(weights, 2 * centres, rtol=1e-6)
    # k-means centres are means of features: an LSTM's lie well inside (-1, 1).
    assert np.abs(centres).max() < 1
    again = jax.device_get(Trainer(experiment, tmp_path).start().params)
    jax.tree.map(np.testing.assert_array_equal, again, jax.device_get(state.params))
    soft.model.cluster_start = "random"
    random = Trainer(experiment, tmp_path).start().params["pooling"]["vlad"]["centres"]
    assert not np.allclose(random, centres)


@pytest.mark.parametrize("alpha", [0.25, 1.0])
def test_fitted_clusters_assign_as_equation_1_of_the_configs_alpha(tiny, alpha):
    tiny.model.update(
        pooling="soft_concat", clusters=3, aggregated=2, assignment_alpha=alpha, encoder="none"
    )
    steps = np.random.default_rng(0).normal(size=(6, 10, 4)).astype(np.float32)
    pooling = models.build(tiny.model, 2).pooling
    start = jax.device_get(jax.jit(pooling.init)(jax.random.key(0), steps))["params"]
    vlad = cluster_init.fitted(start, list(steps), tiny)["vlad"]
    for x in steps[0]:
        shares = np.exp(-alpha * ((x - vlad["centres"]) ** 2).sum(axis=1))
        scores = np.exp(vlad["weights"] @ x + vlad["biases"])
        np.testing.assert_allclose(scores / scores.sum(), shares / shares.sum(), rtol=1e-4)


def test_too_few_clips_for_the_clusters_are_said(soft, tmp_path):
    soft.model.clusters = 500
    experiment = experiments.open_experiment(soft)
    with pytest.raises(UserError, match=r"model.clusters=500: \d+ different features are too few"):
        Trainer(experiment, tmp_path).start()


def test_other_poolings_have_none(tiny):
    assert not cluster_init.are_fitted(tiny.model)
