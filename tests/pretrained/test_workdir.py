import re
from functools import partial

import jax
import numpy as np
import pytest
from flax.traverse_util import flatten_dict

from jaxvid import pretrained
from jaxvid.config import files as config_files
from jaxvid.errors import UserError
from jaxvid.experiment import experiment as experiments
from jaxvid.experiment.network import open_network
from jaxvid.pretrained import workdir
from jaxvid.runtime import files
from jaxvid.training.trainer import Trainer
from jaxvid.workdir import checkpoints

pytestmark = pytest.mark.usefixtures("shallow")
NAMES = ("SitDown", "StandUp")


def shapes(config, classes=2):
    return open_network(config, classes).shapes


def run_in(folder, config, names=NAMES, steps=(1,)):
    """A workdir as a run of a config leaves it; the variables are random."""
    rng = np.random.default_rng(0)
    variables = jax.tree.map(
        lambda leaf: rng.normal(size=leaf.shape).astype(np.float32), shapes(config, len(names))
    )
    writer = checkpoints.Writer(folder / "checkpoints", keep=2)
    for step in steps:
        writer.save(step, {"variables": jax.tree.map(partial(np.multiply, step), variables)})
    writer.close()
    files.write_text(folder / "config.json", config_files.to_json(config))
    files.write_json(folder / "dataset.json", {"class_names": list(names)})
    return {name: leaf for name, leaf in flatten_dict(variables, sep="/").items()}


def changed(config, **fields):
    config = config.copy_and_resolve_references()
    config.update_from_flattened_dict({name.replace("__", "."): v for name, v in fields.items()})
    return config


def of(part, names):
    return {name for name in names if name.split("/")[1] == part}


def test_the_same_model_is_taken_whole(tiny, tmp_path):
    saved = run_in(tmp_path, tiny)
    loaded = workdir.read(tmp_path, shapes(tiny), tiny, NAMES)
    assert loaded.values.keys() == saved.keys()
    assert all((loaded.values[name] == saved[name]).all() for name in saved)
    assert not loaded.initial
    assert all(name == place for name, place in loaded.tensors.items())


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (("a", "b", "c"), "another number of classes: 2 there, 3 here"),
        (NAMES[::-1], "other classes, or another order of them"),
    ],
)
def test_other_classes_get_a_new_classifier_alone(tiny, tmp_path, names, reason):
    saved = run_in(tmp_path, tiny)
    ours = shapes(tiny, len(names))
    loaded = workdir.read(tmp_path, ours, tiny, names)
    head = {"params/classifier/kernel", "params/classifier/bias"}
    assert loaded.initial == dict.fromkeys(head, reason)
    assert loaded.values.keys() == saved.keys() - head
    assert {loaded.tensors[name] for name in head} == {reason}


def test_what_one_of_the_two_has_not_is_explained(tiny, tmp_path):
    plain = changed(tiny, model__encoder="none")
    saved = run_in(tmp_path / "with", tiny), run_in(tmp_path / "without", plain)

    loaded = workdir.read(tmp_path / "without", shapes(tiny), tiny, NAMES)
    assert of("backbone", loaded.values) == of("backbone", saved[1])
    assert {loaded.initial[name] for name in of("encoder", saved[0])} == {"the run has no encoder"}
    narrower = "the embedding that it reads has another width"
    assert loaded.initial["params/classifier/bias"] == narrower

    loaded = workdir.read(tmp_path / "with", shapes(plain), plain, NAMES)
    assert {loaded.tensors[name] for name in of("encoder", saved[0])} == {
        "the model has no encoder"
    }
    assert loaded.values.keys() == of("backbone", saved[0])


def test_another_kind_of_encoder_is_not_taken_for_its_shapes(tiny, tmp_path):
    """The gates of the two LSTMs are in different orders."""
    run_in(tmp_path, changed(tiny, model__encoder="lstm"))
    other = changed(tiny, model__encoder="ln_lstm")
    loaded = workdir.read(tmp_path, shapes(other), other, NAMES)
    assert (
        loaded.initial["params/encoder/layer_0/kernel"]
        == "another encoder: lstm there, ln_lstm here"
    )
    assert of("classifier", loaded.values)


def test_a_variable_of_another_shape_stays_and_is_named(tiny, tmp_path):
    run_in(tmp_path, tiny)
    wider = changed(tiny, model__hidden=16, model__kernel_order="temporal_first")
    loaded = workdir.read(tmp_path, shapes(wider), wider, NAMES)
    kernel = loaded.initial["params/encoder/layer_0/forward/recurrent_kernel"]
    assert kernel == "another shape: (8, 32) there, (16, 64) here"
    assert not of("encoder", loaded.values)
    assert any("kernel_order: spatial_first there, temporal_first here" in n for n in loaded.notes)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"data__modality": "flow"}, "reads rgb, and config.data.modality=flow gives another"),
        ({"model__backbone": "i3d"}, "has the backbone li3d, and config.model has i3d"),
    ],
)
def test_runs_on_something_else_are_refused(tiny, tmp_path, fields, message):
    run_in(tmp_path, tiny)
    with pytest.raises(UserError, match=message):
        workdir.check(tmp_path, changed(tiny, **fields))


def test_the_graph_of_another_skeleton_is_refused_and_other_edges_are_noted(tiny, tmp_path):
    graph = {"model__backbone": "st_gcn", "data__modality": "skeleton", "model__encoder": "none"}
    run = changed(tiny, **graph, model__skeleton="ntu25")
    run_in(tmp_path, run)
    other = changed(run, model__skeleton="openpose18")
    message = "reads the joints of ntu25, and config.model.skeleton=openpose18 has others"
    with pytest.raises(UserError, match=message):
        workdir.check(tmp_path, other)
    for skeleton, noted in (("ntu25", 0), ("ntu25_thumbs", 1)):
        config = changed(run, model__skeleton=skeleton)
        loaded = workdir.read(tmp_path, shapes(config), config, NAMES)
        assert not loaded.initial
        assert sum("the same joints with other edges" in note for note in loaded.notes) == noted


def test_as_many_joints_of_another_skeleton_are_refused(tiny, tmp_path):
    run = changed(tiny, model__backbone="st_gcn", data__modality="skeleton")
    files.write_text(tmp_path / "config.json", config_files.to_json(run))
    message = "reads the joints of figure18, and config.model.skeleton=openpose18 has others"
    with pytest.raises(UserError, match=message):
        workdir.check(tmp_path, changed(run, model__skeleton="openpose18"))


def test_a_backbone_that_does_not_fit_is_refused_or_warned_of(tiny, tmp_path, caplog):
    run_in(tmp_path / "li3d", tiny)
    wider = changed(tiny, model__width=0.25)
    workdir.read(tmp_path / "li3d", shapes(wider), wider, NAMES)
    assert re.search(r"only \d+ of \d+ variables of the backbone in .*li3d fit", caplog.text)
    vgg = changed(tiny, model__backbone="vgg16")
    run_in(tmp_path / "vgg", vgg)
    wider = changed(vgg, model__width=0.25)
    message = r"nothing of the backbone in .* fits this model \(.*: another shape"
    with pytest.raises(UserError, match=message):
        workdir.read(tmp_path / "vgg", shapes(wider), wider, NAMES)


def test_folders_that_hold_no_such_run_are_named(tiny, tmp_path):
    with pytest.raises(UserError, match=r"config.json does not exist: .* is not a run's workdir"):
        workdir.check(tmp_path, tiny)
    files.write_text(tmp_path / "config.json", config_files.to_json(tiny))
    with pytest.raises(UserError, match="has no checkpoint: train there first"):
        workdir.check(tmp_path, tiny)
    with pytest.raises(UserError, match="is a file, must be the workdir of a run"):
        workdir.check(tmp_path / "config.json", tiny)
    sift = changed(tiny, model__system="sift")
    files.write_text(tmp_path / "config.json", config_files.to_json(sift))
    with pytest.raises(UserError, match="a run of the system sift, must be a network's"):
        workdir.check(tmp_path, tiny)


def test_the_last_whole_checkpoint_is_taken(tiny, tmp_path):
    saved = run_in(tmp_path, tiny, steps=(1, 2, 3))
    (tmp_path / "checkpoints" / "3" / checkpoints.SEAL).unlink()
    loaded = workdir.read(tmp_path, shapes(tiny), tiny, NAMES)
    kernel = "params/classifier/kernel"
    np.testing.assert_array_equal(loaded.values[kernel], 2 * saved[kernel])
    assert loaded.notes[0].endswith("step 2")
    (tmp_path / "checkpoints" / "2" / checkpoints.SEAL).unlink()
    with pytest.raises(UserError, match="no whole checkpoint is left"):
        workdir.read(tmp_path, shapes(tiny), tiny, NAMES)


def test_training_starts_from_the_run_and_keeps_its_clusters(tiny, tmp_path):
    tiny.model.update(backbone="c3d", pooling="soft_vlad", clusters=2, aggregated=8)
    saved = run_in(tmp_path / "source", tiny)
    with tiny.unlocked():
        tiny.init.update(source="workdir", path=str(tmp_path / "source"))
    state = Trainer(experiments.open_experiment(tiny), tmp_path / "run").start()
    started = flatten_dict(jax.device_get(state.variables), sep="/")
    assert started.keys() == saved.keys()
    assert all((started[name] == saved[name]).all() for name in saved)
    assert not (tmp_path / "run" / "clusters.npz").exists()
    about = files.read_json(tmp_path / "run" / pretrained.ACCOUNT)
    assert about["initial"] == {}
    assert about["path"] == str(tmp_path / "source")
