import json
from dataclasses import replace

import jax
import numpy as np
import pytest
import short

from jaxvid.config import files as config_files
from jaxvid.data import pipeline
from jaxvid.errors import UserError
from jaxvid.experiment import experiment as experiments
from jaxvid.models import c3d
from jaxvid.runtime.devices import Devices
from jaxvid.training.schedule import Schedule
from jaxvid.training.trainer import Trainer
from jaxvid.workdir import layout as workdirs
from jaxvid.workdir.metrics_log import read_metrics

pytestmark = pytest.mark.usefixtures("shallow")


@pytest.fixture
def plain(tiny, monkeypatch):
    """`tiny` with a backbone that compiles in a fraction of the time, and has no batch norm."""
    monkeypatch.setattr(c3d, "STAGES", short.STAGES)
    tiny.model.update(backbone="c3d", encoder="none", width=0.03125, backbone_dropout=0.5)
    return tiny


def trainer(config, workdir):
    return Trainer(experiments.open_experiment(config), workdir)


def first_batch(run):
    e = run.experiment
    stream = pipeline.train_batches(
        e.data.source, run.clips, e.data.clip_settings, 8, 0, 0, 1, e.data.reading
    )
    return e.network.devices.put_batch(next(stream))


def losses(workdir):
    return {line["step"]: line["loss"] for line in read_metrics(workdir) if "loss" in line}


def assert_equal_states(left, right):
    jax.tree.map(np.testing.assert_array_equal, left, right)


def test_stopping_and_continuing_equals_training_through(plain, tmp_path, one_device, capsys):
    plain.train.center_loss = 0.1  # its centres are part of the state
    whole = trainer(plain, tmp_path / "whole").run()
    assert capsys.readouterr() == ("", "")
    parts = trainer(plain, tmp_path / "parts")
    assert parts.run(lambda: len(losses(tmp_path / "parts")) >= 2) is None
    last = max(losses(tmp_path / "parts"))
    assert last < 6
    shown = []
    experiment = experiments.open_experiment(plain)
    assert_equal_states(Trainer(experiment, tmp_path / "parts", shown.append).run(), whole)
    assert shown == [f"continues after step {last} of 6"]
    assert "training, step" in capsys.readouterr().err
    assert len(losses(tmp_path / "whole")) == 6
    assert whole.centers.shape == (2, 128)
    assert np.abs(whole.centers).max() > 0
    assert losses(tmp_path / "parts") == losses(tmp_path / "whole")


def test_a_frozen_backbone_stays_until_its_epochs_are_over(plain, tmp_path, one_device):
    plain.train.update(freeze_backbone_epochs=2.0, head_rate=2.0, weight_decay=0.1, eval_every=0.0)
    plain.checkpoint.every = 2.0
    whole = trainer(plain, tmp_path / "whole").run()
    parts = trainer(plain, tmp_path / "parts")
    assert parts.schedule.frozen_steps == 3
    first = jax.device_get(parts.start())
    assert parts.run(lambda: len(losses(tmp_path / "parts")) >= 2) is None

    thawing = trainer(plain, tmp_path / "parts")
    then = jax.device_get(thawing.start())
    assert then.step == 3
    assert_equal_states(then.params["backbone"], first.params["backbone"])
    assert np.abs(then.params["classifier"]["kernel"] - first.params["classifier"]["kernel"]).max()
    assert_equal_states(thawing.run(), whole)
    changed = jax.tree.map(lambda a, b: bool((a != b).any()), whole.params, first.params)
    assert all(jax.tree.leaves(changed))


def test_frozen_batch_norm_keeps_its_statistics(tiny, tmp_path, one_device):
    tiny.model.update(backbone="inception2d", encoder="none")
    tiny.train.update(freeze_batch_norm=True, warmup_epochs=0.0)
    run = trainer(tiny, tmp_path)
    state = run.start()
    stats = jax.device_get(state.batch_stats)
    state, _ = run.compile_step()(state, first_batch(run), run.key)
    assert_equal_states(state.batch_stats, stats)
    leaves = jax.tree_util.tree_leaves_with_path(state.params["backbone"])
    offsets = [leaf for path, leaf in leaves if path[-2].key == "norm"]  # which begin at zero
    assert offsets and all(offset.any() for offset in offsets)


@pytest.mark.parametrize("each_stream", ["rgb+flow", "skeleton"], indirect=True)
def test_other_streams_train_and_continue_too(each_stream, tmp_path, one_device):
    each_stream.model.update(pooling="soft_vlad", clusters=2, aggregated=8)
    each_stream.train.epochs = 2.0
    whole = trainer(each_stream, tmp_path / "whole").run()
    parts = trainer(each_stream, tmp_path / "parts")
    assert parts.run(lambda: len(losses(tmp_path / "parts")) >= 1) is None
    assert_equal_states(trainer(each_stream, tmp_path / "parts").run(), whole)


def test_a_finished_run_is_not_trained_again(plain, tmp_path, one_device):
    state = trainer(plain, tmp_path).run()
    again = trainer(plain, tmp_path)
    again.compile_step = lambda *_: pytest.fail("trained again")
    assert_equal_states(again.run(), state)


def test_another_seed_gives_another_model(plain, tmp_path, one_device):
    first = trainer(plain, tmp_path / "a").run()
    with plain.unlocked():
        plain.seed = 1
    second = trainer(plain, tmp_path / "b").run()
    assert not np.array_equal(*(s.params["classifier"]["kernel"] for s in (first, second)))


def test_eight_devices_give_the_losses_of_one(tiny, tmp_path, monkeypatch):
    # Plain gradient descent: Adam's first steps make a full step of a rounding error.
    tiny.train.optimizer = "sgd"
    tiny.train.momentum = 0.0
    tiny.train.center_loss = 0.1
    tiny.model.encoder = "none"  # fewer leaves, for each of which saving compiles programs
    eight = trainer(tiny, tmp_path / "eight").run()
    first = jax.devices()[:1]
    monkeypatch.setattr(jax, "devices", lambda *_: first)
    one = trainer(tiny, tmp_path / "one").run()
    expected = losses(tmp_path / "one")
    assert len(expected) == 6
    assert losses(tmp_path / "eight") == pytest.approx(expected, rel=2e-3)
    np.testing.assert_allclose(eight.centers, one.centers, rtol=1e-2, atol=1e-4)
    # Batch norm has seen the whole batch, not each device its own clip.
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4),
        jax.device_get(eight.batch_stats),
        jax.device_get(one.batch_stats),
    )


def test_one_class_alone_is_refused(tiny):
    tiny.data.classes = ("SitDown",)
    with pytest.raises(UserError, match="ucf101 has one class, SitDown: there must be two"):
        experiments.open_experiment(tiny)


def test_batches_that_do_not_divide_are_refused(tiny):
    assert Devices().mesh.size == 8
    tiny.train.batch_size = 12
    with pytest.raises(UserError, match="batch_size=12: must be a multiple of 8, for 8 devices"):
        experiments.open_experiment(tiny)


def test_more_epochs_continue_a_finished_run(plain, tmp_path, one_device):
    experiment = experiments.open_experiment(plain)

    def run(epochs, shown):
        plain.train.epochs = epochs
        workdirs.check(tmp_path, plain)
        made = Trainer(experiment, tmp_path, shown.append)
        workdirs.claim(tmp_path, plain, experiment.data.dataset, made.clips)
        return made, made.run()

    _, first = run(4.0, [])
    shown: list[str] = []
    more, second = run(6.0, shown)
    assert shown == ["continues after step 6 of 9"]
    assert (int(first.step), int(second.step)) == (6, 9)
    assert config_files.read(tmp_path / "config.json").train.epochs == 6.0
    rates = [line["learning_rate"] for line in read_metrics(tmp_path) if "learning_rate" in line]
    assert rates[5] == pytest.approx(float(trainer_schedule(plain, 4.0).learning_rate(5)))
    expected = [float(more.schedule.learning_rate(step)) for step in (6, 7, 8)]
    assert rates[6:] == pytest.approx(expected)
    before = (tmp_path / "config.json").read_bytes()
    with pytest.raises(UserError, match=r"epochs=5.0: the run in .* has trained for 6 epochs"):
        run(5.0, [])
    assert (tmp_path / "config.json").read_bytes() == before


def trainer_schedule(config, epochs):
    train = config.train.copy_and_resolve_references()
    train.epochs = epochs
    return Schedule.of(train, 12)


def test_balanced_classes_have_equal_parts_in_the_loss(plain, tmp_path, one_device):
    plain.train.update(balance="loss", epochs=1.0)
    experiment = experiments.open_experiment(plain)
    _, *others = (v for v in experiment.data.dataset.videos if v.label and v.split == "train")
    unused = {video.id for video in others}
    videos = tuple(
        replace(v, split="unused") if v.id in unused else v for v in experiment.data.dataset.videos
    )
    dataset = replace(experiment.data.dataset, videos=videos)
    experiment = replace(experiment, data=replace(experiment.data, dataset=dataset))
    run = Trainer(experiment, tmp_path)
    assert len(run.clips) == 7
    np.testing.assert_allclose(run._weights, [7 / 12, 7 / 2], rtol=1e-6)
    batches = []
    step = run.compile_step()

    def recorded(*given):
        batches.append(given[1])
        return step(*given)

    recorded.lower = step.lower
    run.compile_step = lambda *_: recorded
    run.run()
    for batch in batches:
        expected = np.where(np.asarray(batch["label"]) == 1, 7 / 2, 7 / 12)
        np.testing.assert_allclose(batch["weight"], expected, rtol=1e-6)


def test_divergence_stops_with_a_message_and_a_good_checkpoint(plain, tmp_path, one_device):
    plain.train.epochs = 8.0
    run = trainer(plain, tmp_path)
    step = run.compile_step()

    def spoilt(state, batch, key):
        state, metrics = step(state, batch, key)
        return state, metrics | {"loss": metrics["loss"] * (1 if int(state.step) < 5 else np.nan)}

    spoilt.lower = step.lower
    run.compile_step = lambda *_: spoilt
    with pytest.raises(UserError, match=r"diverged: at step 5 the loss is nan.*step 4 is saved"):
        run.run()
    restored = trainer(plain, tmp_path).start()
    assert int(restored.step) == 4
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(restored.params))


def test_the_first_steps_are_as_they_were(tiny, tmp_path, one_device):
    """A change of this number means that results change: initial values, data or maths."""
    trainer(tiny, tmp_path).run()
    golden = json.loads((tmp_path / "metrics.jsonl").read_text().splitlines()[0])
    assert golden["step"] == 1
    assert golden["loss"] == pytest.approx(0.6822, rel=1e-2)


def test_a_model_learns_one_batch_by_heart(tiny, tmp_path, one_device):
    tiny.model.dropout = 0.0
    tiny.train.schedule = "constant"
    tiny.train.learning_rate = 3e-3
    run = trainer(tiny, tmp_path)
    state, step = run.start(), run.compile_step()
    batch = first_batch(run)
    for _ in range(40):
        state, metrics = step(state, batch, run.key)
    assert float(metrics["loss"]) < 0.1
