import csv
import json
import shutil

import numpy as np
import pytest

from jaxvid import main as command
from jaxvid.classical import train
from jaxvid.classical.encodings import ENCODINGS
from jaxvid.classical.evaluate import evaluate, score
from jaxvid.classical.experiment import Stages, describe, open_experiment
from jaxvid.classical.train import Trainer
from jaxvid.config import files as config_files
from jaxvid.errors import UserError
from jaxvid.inference import predict
from jaxvid.runtime import files
from jaxvid.workdir import embeddings


@pytest.fixture
def config(tiny):
    """SIFT at its smallest, on twelve training and four test videos of two classes."""
    with tiny.unlocked():
        tiny.name = "sift_vlad"
        tiny.model.system = "sift"
        tiny.data.threads = 2
        tiny.sift.clusters = 4
        tiny.sift.frames = 2
        tiny.sift.min_side = 80
        tiny.sift.descriptors = 300
    return tiny


@pytest.fixture
def arguments(config, tmp_path):
    file = tmp_path / "tiny_sift.py"
    file.with_suffix(".json").write_text(config_files.to_json(config))
    file.write_text(
        "from pathlib import Path\n"
        "from jaxvid.config import files as config_files\n"
        "def get_config(argument=''):\n"
        "    return config_files.read(Path(__file__).with_suffix('.json'))\n"
    )
    return ["jaxvid", f"--config={file}", f"--workdir={tmp_path / 'run'}"]


def arrays(workdir) -> dict[str, bytes]:
    folder = workdir / "classical"
    return {path.name: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_command_trains_resumes_and_evaluates(arguments, tmp_path, capsys):
    workdir = tmp_path / "run"
    assert command.main(arguments) == 0
    assert "linear SVM" in capsys.readouterr().out
    fitted = arrays(workdir)
    assert set(fitted) == {"codebook.npz", "svm.npz"}
    times = [path.stat().st_mtime_ns for path in (workdir / "classical").glob("*.npz")]
    results = json.loads((workdir / "results.json").read_text())
    assert results["parameters_without_classifier"] == 4 * 128
    assert results["parameters"] == 4 * 128 + 2 * (4 * 128 + 1)
    assert (results["step"], results["num_clips"], results["config"]) == (0, 4, "sift_vlad")
    for name in ("config.json", "dataset.json", "predictions.csv", "per_class.csv"):
        assert (workdir / name).stat().st_size > 0
    kept = embeddings.read(workdir, step=0, clips=4)
    assert (kept.width, kept.attention) == (4 * 128, None)

    # The same command again fits nothing, and the workdir alone suffices.
    assert command.main(arguments) == 0
    assert command.main(["jaxvid", "--mode=eval", f"--workdir={workdir}"]) == 0
    assert arrays(workdir) == fitted
    assert [p.stat().st_mtime_ns for p in (workdir / "classical").glob("*.npz")] == times
    again = json.loads((workdir / "results.json").read_text())
    assert {**again, "seconds_per_clip": 0} == {**results, "seconds_per_clip": 0}

    # The order of frames does not matter to an encoding.
    shuffled = ["--mode=eval", f"--workdir={workdir}", "--config.eval.shuffle_frames=true"]
    assert command.main(["jaxvid", *shuffled]) == 0
    other = json.loads((workdir / "evaluations/shuffle_frames=True/results.json").read_text())
    assert other["accuracy"] == results["accuracy"]

    capsys.readouterr()
    for given, message in (
        (["--config.sift.clusters=5"], "sift.clusters: 4 there, 5 now"),
        (["--mode=eval", "--config.sift.frames=3"], "the model in .* is another one"),
        (["--config.eval.views=2"], "config.eval.views=2: must be 1 for sift"),
        (["--config.eval.checkpoint=best"], "config.eval.checkpoint=best: must be last for sift"),
        (["--mode=eval", "--config.data.modality=flow"], "data.modality: 'rgb' there, 'flow' now"),
    ):
        assert command.main([*arguments, *given]) == 2
        assert message.split(".*")[-1] in capsys.readouterr().err


@pytest.mark.parametrize("encoder", ENCODINGS)
def test_interrupted_anywhere_it_ends_the_same(config, tmp_path, monkeypatch, encoder):
    monkeypatch.setattr(train, "CLIPS_PER_FILE", 5)
    config.sift.encoder = encoder
    experiment = open_experiment(config)
    Trainer(experiment, tmp_path / "whole").run()
    killed = Stages(tmp_path / "killed")
    second = killed.encodings / "0000005.npz"
    for moment in (lambda: True, killed.codebook.is_file, second.is_file):
        Trainer(experiment, tmp_path / "killed").run(moment)
        assert not killed.svm.exists()
    codebook = killed.codebook.stat().st_mtime_ns

    def interrupted() -> bool:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Trainer(experiment, tmp_path / "killed").run(interrupted)
    # Ten of the twelve clips are encoded by now, and need not be again.
    encoded = [path.name for path in sorted(killed.encodings.iterdir())]
    assert encoded == ["0000000.npz", "0000005.npz"]
    left = iter((False, False))
    Trainer(experiment, tmp_path / "killed").run(lambda: next(left))
    assert arrays(tmp_path / "killed") == arrays(tmp_path / "whole")
    assert killed.codebook.stat().st_mtime_ns == codebook


def test_scores_are_those_of_each_clip_alone(config, tmp_path):
    config.sift.norm = "whole"
    experiment = open_experiment(config)
    Trainer(experiment, tmp_path).run()
    stages = Stages(tmp_path)
    codebook, svm = stages.load_codebook("vlad"), stages.load_svm()
    scores = score(experiment, codebook, svm)
    assert scores.labels.tolist() == [clip.label for clip in experiment.data.clips("test")]
    for clip, row in zip(scores.clips, scores.probabilities, strict=True):
        found = describe(experiment.frames(clip), experiment.config.sift)
        probabilities = svm.probabilities(codebook.encode(found, "whole")[None])[0]
        np.testing.assert_allclose(probabilities, row, rtol=1e-5)
    assert scores.seconds_per_clip > 0


def test_videos_without_keypoints_are_encoded_as_zeros(config, tmp_path):
    experiment = open_experiment(config)
    Trainer(experiment, tmp_path).run()
    with config.unlocked():
        config.sift.contrast = 100.0  # no keypoint stands out that much
    scores = score(experiment, Stages(tmp_path).load_codebook("vlad"), Stages(tmp_path).load_svm())
    assert np.isfinite(scores.probabilities).all()
    assert (scores.probabilities == scores.probabilities[0]).all()
    with pytest.raises(UserError, match=r"config.sift.clusters=4: 0 different descriptors are too"):
        Trainer(experiment, tmp_path / "new").run()


def test_missing_and_damaged_files_are_said(config, tmp_path):
    experiment = open_experiment(config)
    with pytest.raises(UserError, match=r"codebook.npz does not exist: train there first"):
        evaluate(experiment, tmp_path, tmp_path)
    Trainer(experiment, tmp_path).run()
    stages = Stages(tmp_path)
    data = bytearray(stages.svm.read_bytes())
    data[len(data) // 2] ^= 0xFF
    stages.svm.write_bytes(data)
    with pytest.raises(UserError, match=r"svm.npz is damaged: .*delete .*classical to train anew"):
        evaluate(experiment, tmp_path, tmp_path)
    files.write_arrays(stages.svm, {"weights": np.zeros((2, 512), np.float32)})
    with pytest.raises(UserError, match=r"delete .*classical to train anew"):
        evaluate(experiment, tmp_path, tmp_path)
    shutil.rmtree(stages.folder)
    Trainer(experiment, tmp_path).run()
    assert stages.svm.is_file()


def test_labels_of_videos_are_those_of_the_evaluation(arguments, config, tmp_path):
    assert command.main(arguments) == 0
    workdir = tmp_path / "run"
    with (workdir / "predictions.csv").open() as file:
        expected = {row[0]: row[4:] for row in list(csv.reader(file))[1:]}
    folder = open_experiment(config).data.dataset.folder
    labels = predict.predict(config, workdir, [folder / name for name in expected])
    shown = [[f"{share:.6f}" for share in row] for row in labels.probabilities]
    assert shown == list(expected.values())
    with config.unlocked():
        config.eval.views = 2
    with pytest.raises(UserError, match=r"eval.views=2: must be 1 for sift"):
        predict.predict(config, workdir, labels.videos)
