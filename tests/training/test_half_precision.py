"""Training in bfloat16 learns what training in float32 learns."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxvid.data import pipeline
from jaxvid.experiment import experiment as experiments
from jaxvid.models import normalize
from jaxvid.training.trainer import Trainer

SEEDS, STEPS = (0, 1, 2), 20


@pytest.fixture
def small(tiny, one_device, shallow):
    """`tiny` on one device, with one Inception module and without what is drawn at random."""
    tiny.model.update(dropout=0.0, encoder="none")
    tiny.train.update(schedule="constant", learning_rate=3e-3)
    return tiny


def learn(config, workdir, dtype):
    """Losses (seeds, steps), last accuracies (seeds), and what the last training ends with."""
    config.train.dtype = dtype
    run = Trainer(experiments.open_experiment(config), workdir)
    e = run.experiment
    stream = pipeline.train_batches(
        e.data.source, run.clips, e.data.clip_settings, 8, 0, 0, 1, e.data.reading
    )
    batch, step = e.network.devices.put_batch(next(stream)), run.compile_step()
    losses, accuracies = [], []
    for seed in SEEDS:
        run.key = jax.random.key(seed)
        state, curve = run.start(), []
        for _ in range(STEPS):
            state, metrics = step(state, batch, run.key)
            curve.append(metrics["loss"])
        losses.append(jax.device_get(curve))
        accuracies.append(float(metrics["accuracy"]))
    return np.array(losses), accuracies, (run, batch, state, metrics)


def test_bfloat16_learns_what_float32_learns(small, tmp_path):
    wide, wide_accuracies, _ = learn(small, tmp_path / "float32", "float32")
    half, half_accuracies, (run, batch, state, metrics) = learn(
        small, tmp_path / "bfloat16", "bfloat16"
    )
    assert half_accuracies == wide_accuracies == [1.0] * len(SEEDS)
    assert not np.array_equal(half, wide)
    # All along the way, and at its end, no further apart than one seed from another.
    for measure in (np.mean, lambda curves, axis: curves[:, -1]):
        of_half, of_wide = measure(half, axis=1), measure(wide, axis=1)
        assert abs(of_half.mean() - of_wide.mean()) < np.ptp(of_wide)

    # Half precision is the products' alone: what is kept and what is summed up is in single.
    kept = jax.tree.leaves((state.params, state.batch_stats, metrics))
    assert {leaf.dtype for leaf in kept} == {jnp.dtype(jnp.float32)}
    outputs = jax.eval_shape(
        lambda v, clip: run.experiment.network.model.apply(v, normalize(clip), train=False),
        state.variables,
        batch["clip"],
    )
    assert outputs.logits.dtype == outputs.embedding.dtype == jnp.float32
