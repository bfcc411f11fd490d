"""Evaluation, prediction, features, timeline and an exported network agree on the same clips."""

import json
import runpy
from functools import partial

import jax
import numpy as np
import pytest

from jaxvid.data import pipeline, sampling
from jaxvid.evaluation.evaluate import Scorer
from jaxvid.experiment import experiment as experiments
from jaxvid.experiment.network import forward
from jaxvid.inference import export, features, predict, timeline

pytestmark = pytest.mark.usefixtures("shallow")


def softmax(logits):
    shares = np.exp(logits - logits.max(-1, keepdims=True))
    return shares / shares.sum(-1, keepdims=True)


def read_joints(experiment, clip_id):
    """The joints of the frames that an evaluation reads, as they are stored."""
    [(modality, record)] = experiment.data.source[clip_id]
    need = experiment.config.data.num_frames
    (start,) = sampling.view_starts(len(record.frames), need, 1)
    return record.read(modality, start + np.arange(need))


def test_all_modes_agree(each_stream, saved, tmp_path):
    config = each_stream
    with config.unlocked():
        config.windows.stride = 1e-3  # a window at every frame
        if config.data.modality == "skeleton":
            config.data.skeleton_input = "bone_motion"
    experiment = experiments.open_experiment(config)
    workdir = tmp_path / "run"
    variables = saved(experiment, workdir)
    evaluated = Scorer(experiment).score(variables)
    folder, clips = experiment.data.dataset.folder, evaluated.clips
    cut = [
        pipeline.eval_clip(experiment.data.source[clip.id], experiment.data.clip_settings, 1)
        for clip in clips
    ]
    stacked = jax.tree.map(lambda *arrays: np.stack(arrays), *cut)
    model = jax.jit(partial(forward, experiment.network.model))
    logits = np.asarray(model(variables, stacked)["logits"])
    assert np.ptp(logits, axis=0).min() > 1e-3  # clips differ
    np.testing.assert_allclose(softmax(logits), evaluated.probabilities, atol=1e-5)

    videos = [folder / clip.id for clip in clips]
    labels = predict.predict(config, workdir, videos)
    np.testing.assert_allclose(labels.probabilities, evaluated.probabilities, atol=1e-5)

    # Evaluation's view is the window in the middle.
    names = {video: tmp_path / "features" / f"{video.name}.npz" for video in videos}
    assert features.write(*features.opened(config, workdir), names) == {}
    spans = timeline.predict(config, workdir, videos[:1]).spans
    for i, (clip, video) in enumerate(zip(clips, videos, strict=True)):
        written = np.load(names[video])
        _, record = experiment.data.source[clip.id][0]
        shown = len(sampling.resample(len(record.frames), record.fps, config.data.fps))
        (start,) = sampling.view_starts(shown, config.data.num_frames, 1)
        assert len(written["times"]) == shown - config.data.num_frames + 1 > 1
        np.testing.assert_allclose(written["logits"][start], logits[i], atol=1e-5)
        if video in spans:
            shares = spans[video].probabilities
            np.testing.assert_allclose(softmax(written["logits"]), shares, atol=1e-5)

    assert export.write(config, workdir, tmp_path / "export") == 3
    about = json.loads((tmp_path / "export" / "about.json").read_text())
    program = jax.export.deserialize(
        bytearray((tmp_path / "export" / about["programs"]["cpu"]).read_bytes())
    )
    weights = dict(np.load(tmp_path / "export" / "weights.npz"))
    by_name = stacked if isinstance(stacked, dict) else {config.data.modality: stacked}
    one_view = {name: array[:, 0] for name, array in by_name.items()}
    if config.data.modality == "skeleton":
        example = runpy.run_path(str(tmp_path / "export" / "example.py"))
        joints = np.stack([read_joints(experiment, clip.id) for clip in clips])
        np.testing.assert_array_equal(example["of_joints"](joints), one_view["skeleton"])
    assert {name: ["b", *array.shape[1:]] for name, array in one_view.items()} == {
        name: each["shape"] for name, each in about["inputs"].items()
    }
    outputs = program.call(weights, one_view)
    np.testing.assert_allclose(outputs["logits"], logits, atol=1e-5)
    np.testing.assert_allclose(outputs["probabilities"], evaluated.probabilities, atol=1e-5)
    for name, shape in about["outputs"].items():
        assert ["b", *outputs[name].shape[1:]] == shape
