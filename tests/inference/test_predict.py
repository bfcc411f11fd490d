import csv
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from jaxvid import main as command
from jaxvid.data import loading
from jaxvid.errors import UserError
from jaxvid.evaluation.evaluate import Scorer
from jaxvid.experiment import experiment as experiments
from jaxvid.inference import predict, video_files
from jaxvid.workdir import layout as workdirs

pytestmark = pytest.mark.usefixtures("shallow")


def run(*arguments) -> int:
    return command.main(["jaxvid", "--mode=predict", *map(str, arguments)])


@pytest.fixture
def trained(tiny, saved, tmp_path):
    """An experiment, its variables, and a workdir that has them."""
    experiment = experiments.open_experiment(tiny)
    return experiment, saved(experiment, tmp_path / "run"), tmp_path / "run"


@pytest.fixture
def videos(tiny, tmp_path) -> Path:
    """Three videos in two folders, one of which does not decode."""
    source = Path(tiny.data.root) / "UCF-101" / "SitDown"
    folder = tmp_path / "videos"
    (folder / "inside").mkdir(parents=True)
    shutil.copy(next(source.glob("*g01_c01.avi")), folder / "b.avi")
    shutil.copy(next(source.glob("*g02_c01.avi")), folder / "inside" / "[a].AVI")
    (folder / "c.mp4").write_bytes(b"\0" * 5000)
    (folder / "notes.txt").write_text("no video")
    return folder


def test_labels_are_those_of_an_evaluation(each_stream, saved, tmp_path):
    each_stream.eval.views = 2
    experiment = experiments.open_experiment(each_stream)
    variables = saved(experiment, tmp_path)
    expected = Scorer(experiment).score(variables)
    assert np.ptp(expected.probabilities, axis=0).min() > 1e-3  # clips differ

    folder = experiment.dataset.folder
    paths = [folder / clip.id for clip in expected.clips]
    labels = predict.predict(each_stream, tmp_path, paths)
    assert (labels.videos, labels.skipped) == (paths, {})
    assert labels.class_names == experiment.dataset.class_names
    np.testing.assert_allclose(labels.probabilities, expected.probabilities, atol=1e-6)

    # One and a half batches, among which the same ones are found.
    others = [folder / clip.id for clip in experiment.clips("train")][:8]
    labels = predict.predict(each_stream, tmp_path, others + paths)
    np.testing.assert_allclose(labels.probabilities[8:], expected.probabilities, atol=1e-6)


def test_labelling_does_not_wait_for_what_it_does_not_need():
    code = "import sys, jaxvid.inference.predict; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
    slow = {"matplotlib", "sklearn", "tensorboardX", "torch", "optax"}
    assert "jaxvid.experiment.network" in loaded
    assert not slow & {*loaded.split()}


def test_files_and_folders_are_labelled_without_the_dataset(
    trained, videos, tmp_path, capsys, monkeypatch
):
    _, _, workdir = trained
    monkeypatch.setattr(loading, "load", None)
    config = json.loads((workdir / "config.json").read_text())
    config["data"]["root"] = "/nowhere"
    (workdir / "config.json").write_text(json.dumps(config))

    table = tmp_path / "labels.csv"
    assert run(f"--workdir={workdir}", videos, "--top", "1", f"--output={table}") == 1
    printed = capsys.readouterr()
    assert f"skipped {videos / 'c.mp4'}: not a video that OpenCV can open" in printed.err
    assert "notes.txt" not in printed.err
    assert f"the labels of 2 videos are in {table}" in printed.out
    with table.open() as file:
        rows = list(csv.DictReader(file))
    assert [row["video"] for row in rows] == [str(videos / "b.avi"), str(videos / "inside/[a].AVI")]
    for row in rows:
        shares = {name: float(row[name]) for name in ("SitDown", "StandUp")}
        assert sum(shares.values()) == pytest.approx(1, abs=1e-5)
        assert float(row["probability"]) == max(shares.values())
        assert row["predicted"] == max(shares, key=shares.get)
        assert f"{row['video']} │ {row['predicted']}" in " ".join(printed.out.split())

    items = tmp_path / "labels.json"
    assert run(f"--workdir={workdir}", videos / "b.avi", f"--output={items}") == 0
    (item,) = json.loads(items.read_text())
    assert item["video"] == rows[0]["video"]
    assert item["probabilities"] == pytest.approx(
        {name: float(rows[0][name]) for name in ("SitDown", "StandUp")}, abs=2e-6
    )
    assert item["top"][0] == {
        "label": rows[0]["predicted"],
        "probability": max(item["probabilities"].values()),
    }
    assert len(item["top"]) == 2  # of the five asked for

    before = items.read_bytes()
    capsys.readouterr()
    assert run(f"--workdir={workdir}", videos, f"--output={items}") == 2
    assert f"--output={items} exists already" in capsys.readouterr().err
    assert items.read_bytes() == before

    new = tmp_path / "new.json"
    assert run(f"--workdir={workdir}", videos / "c.mp4", f"--output={new}") == 2
    (said,) = capsys.readouterr().err.strip().splitlines()
    assert said == f"error: {videos / 'c.mp4'}: not a video that OpenCV can open"
    assert run(f"--workdir={workdir}", videos / "c.mp4", "/nowhere", f"--output={new}") == 2
    assert "none of the 2 videos can be read" in capsys.readouterr().err
    assert not new.exists()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "no video is named: name files or folders"),
        (["/nowhere/x.mp4"], "/nowhere/x.mp4: it does not exist"),
        (["{videos}", "--output=labels.txt"], "ends in .csv or .json is wanted"),
        (["{videos}", "--top=0"], "--top=0: at least 1"),
        (["{videos}", "--config.eval.shuffle_frames=true"], "keeps frames in order"),
        (["{videos}", "--config.model.pooling=last"], "the model in .* is another one"),
        (["{videos}"], "has no checkpoint: train there first"),
        (["--mode=eval", "--top=3"], "--top is a flag of predict"),
    ],
)
def test_wrong_input_is_said_before_anything_is_decoded(
    tiny_file, videos, tmp_path, capsys, monkeypatch, given, message
):
    monkeypatch.setattr(video_files, "read", None)
    workdir = tmp_path / "run"
    workdir.mkdir()
    shutil.copy(tiny_file.with_suffix(".json"), workdir / "config.json")
    (workdir / "dataset.json").write_text('{"class_names": ["SitDown", "StandUp"]}')
    assert run(f"--workdir={workdir}", *(each.format(videos=videos) for each in given)) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 1
    assert re.search(message, said[0])


def test_a_workdir_says_its_classes_or_what_is_wrong(tmp_path):
    with pytest.raises(UserError, match=r"dataset\.json does not exist: nothing was trained"):
        workdirs.class_names(tmp_path)
    (tmp_path / "dataset.json").write_text('{"class_names": "Sit"}')
    with pytest.raises(UserError, match=r"dataset\.json is damaged: a list of class_names"):
        workdirs.class_names(tmp_path)


def test_a_stream_that_other_videos_cannot_have_is_said(tiny):
    with tiny.unlocked():
        tiny.data.modality = "skeleton"
    known = loading.without_videos(tiny.data, ("SitDown", "StandUp"))
    with pytest.raises(UserError, match="ucf101 has no skeletons"):
        loading.modalities(known, tiny.data)
