import subprocess
import sys

import numpy as np
import pytest

from jaxvid.data import loading
from jaxvid.errors import UserError
from jaxvid.evaluation.evaluate import Scorer
from jaxvid.experiment import experiment as experiments
from jaxvid.inference import predict
from jaxvid.workdir import layout as workdirs

pytestmark = pytest.mark.usefixtures("shallow")


def test_labels_are_those_of_an_evaluation(each_stream, saved, tmp_path):
    each_stream.eval.views = 2
    experiment = experiments.open_experiment(each_stream)
    variables = saved(experiment, tmp_path)
    expected = Scorer(experiment).score(variables)
    logarithms = np.log(expected.probabilities)
    assert np.ptp(logarithms[:, 0] - logarithms[:, 1]) > 1e-3  # clips differ

    folder = experiment.data.dataset.folder
    paths = [folder / clip.id for clip in expected.clips]
    labels = predict.predict(each_stream, tmp_path, paths)
    assert (labels.videos, labels.skipped) == (paths, {})
    assert labels.class_names == experiment.data.dataset.class_names
    np.testing.assert_allclose(np.log(labels.probabilities), logarithms, atol=1e-5)

    # One and a half batches, among which the same ones are found.
    others = [folder / clip.id for clip in experiment.data.clips("train")][:8]
    labels = predict.predict(each_stream, tmp_path, others + paths)
    np.testing.assert_allclose(np.log(labels.probabilities[8:]), logarithms, atol=1e-5)


def test_labelling_does_not_wait_for_what_it_does_not_need():
    code = "import sys, jaxvid.inference.predict; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
    slow = {"matplotlib", "sklearn", "tensorboardX", "torch", "optax"}
    assert "jaxvid.experiment.network" in loaded
    assert not slow & {*loaded.split()}


def test_a_workdir_says_its_classes_or_what_is_wrong(tmp_path):
    with pytest.raises(UserError, match=r"dataset\.json does not exist: nothing was trained"):
        workdirs.class_names(tmp_path)
    (tmp_path / "dataset.json").write_text('{"class_names": "Sit"}')
    with pytest.raises(UserError, match=r"dataset\.json is damaged: class_names must be a list"):
        workdirs.class_names(tmp_path)


def test_a_stream_that_other_videos_cannot_have_is_said(tiny):
    with tiny.unlocked():
        tiny.data.modality = "skeleton"
    known = loading.without_videos(tiny, ("SitDown", "StandUp"))
    with pytest.raises(UserError, match="ucf101 has no skeletons"):
        loading.modalities(known, tiny.data)
