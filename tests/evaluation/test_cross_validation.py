import csv
import json

import numpy as np
import pytest

from jaxvid import main as command
from jaxvid.classical.evaluate import evaluate as evaluate_sift
from jaxvid.classical.experiment import open_experiment as open_sift
from jaxvid.classical.train import Trainer as SiftTrainer
from jaxvid.errors import UserError
from jaxvid.evaluation import cross_validation
from jaxvid.evaluation.cross_validation import Parts
from jaxvid.evaluation.evaluate import evaluate
from jaxvid.experiment.experiment import open_experiment
from jaxvid.training.trainer import Trainer
from jaxvid.workdir.metrics_log import read_metrics

pytestmark = pytest.mark.usefixtures("shallow")


@pytest.fixture
def folds(tiny):
    """The tiny config with two folds of two of its four actors, and two epochs."""
    tiny.data.folds = 2
    tiny.train.update(epochs=2.0, eval_every=0.0)
    return tiny


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def assert_complete(workdir, results, seeds=(0,)):
    """What is written agrees with what each fold's own workdir holds."""
    table = rows(workdir / "folds.csv")
    assert [(int(r["seed"]), int(r["fold"])) for r in table] == [
        (s, k) for s in seeds for k in (1, 2)
    ]
    groups = [set(row["groups"].split(";")) for row in table[:2]]
    assert groups[0] | groups[1] == {"g01", "g02", "g03", "g04"}
    assert not groups[0] & groups[1]
    predictions = rows(workdir / "predictions.csv")
    expected = []
    for row in table:
        folder = workdir / f"fold-0{row['fold']}-seed-{row['seed']}"
        own = rows(folder / "predictions.csv")
        expected += [{"seed": row["seed"], "fold": row["fold"], **each} for each in own]
        assert json.loads((folder / "results.json").read_text())["accuracy"] == pytest.approx(
            float(row["accuracy"]), abs=1e-6
        )
        trained = {r["clip"] for r in rows(folder / "split.csv") if r["split"] == "train"}
        assert trained and not trained & {each["clip"] for each in own}
    assert predictions == expected
    for each in results["seeds"]:
        own = [row for row in predictions if int(row["seed"]) == each["seed"]]
        assert len(own) == results["num_clips"] == len({row["clip"] for row in own})
        assert each["accuracy"] == np.mean([int(row["correct"]) for row in own])
    accuracies = [each["accuracy"] for each in results["seeds"]]
    assert results["accuracy"]["mean"] == np.mean(accuracies)
    assert json.loads((workdir / "results.json").read_text()) == results
    names = ("SitDown", "StandUp")
    counts = [[int(row[name]) for name in names] for row in rows(workdir / "confusion_matrix.csv")]
    assert counts == [
        [sum((r["label"], r["predicted"]) == (t, p) for r in predictions) for p in names]
        for t in names
    ]


def test_folds_are_trained_once_and_continued(folds, tmp_path, one_device, monkeypatch):
    folds.data.validation = 0.5  # one of the two actors to train on
    folds.train.epochs = 4.0
    opened, calls = [], []

    def open_once(*given, **options):
        # One network in all calls, which is traced once.
        opened.append(opened[0] if opened else open_experiment(*given, **options))
        return opened[0]

    def counted(experiment, folder, output):
        calls.append(folder.name)
        return evaluate(experiment, folder, output)

    system = Parts(open_once, Trainer, counted)

    def run(stop=lambda: False, seeds=(0,), shown=None):
        show = (shown if shown is not None else []).append
        return cross_validation.run(folds, tmp_path, seeds, system, show, stop)

    assert run(lambda: len(calls) == 1) is None  # between the folds
    first = (tmp_path / "fold-01-seed-0" / "results.json").stat().st_mtime_ns
    unfinished = tmp_path / "fold-02-seed-0"
    assert run(lambda: len(read_metrics(unfinished)) >= 1) is None  # within the second
    assert len(read_metrics(unfinished)) == 1
    shown: list[str] = []
    done = run(shown=shown)
    assert calls == ["fold-01-seed-0", "fold-02-seed-0"]
    assert [line["step"] for line in read_metrics(unfinished)] == [1, 2, 2]
    assert len(opened) == 3
    assert (tmp_path / "fold-01-seed-0" / "results.json").stat().st_mtime_ns == first
    assert_complete(tmp_path, cross_validation.write(done, folds, tmp_path))
    again: list[str] = []
    run(shown=again)
    assert again == shown
    assert len(again) == 3 and again[2].startswith("seed 0, fold 2 of 2: top-1 ")
    assert len(calls) == 2

    assert "val_accuracy" in read_metrics(unfinished)[-1]

    # The folds shared their programs: alone, the second one is the same run.
    alone = cross_validation._under(folds, 2, 0)
    Trainer(open_experiment(alone), tmp_path / "alone").run()
    assert read_metrics(tmp_path / "alone") == read_metrics(unfinished)

    monkeypatch.setattr(Trainer, "run", lambda self, stop: trained.append(self.schedule.steps))
    trained: list[int] = []
    folds.train.epochs = 6.0  # every run goes on, and is evaluated again
    run()
    assert trained == [3, 3]
    assert calls[2:] == ["fold-01-seed-0", "fold-02-seed-0"]
    folds.train.learning_rate = 0.1
    with pytest.raises(UserError, match=r"another config \(train.learning_rate: 0.001 there"):
        run()


def test_a_system_without_a_network_and_several_seeds(folds, tmp_path):
    with folds.unlocked():
        folds.model.system = "sift"
        folds.sift.update(clusters=4, frames=2, min_side=80, descriptors=300)
    system = Parts(open_sift, SiftTrainer, evaluate_sift)
    changed = []

    def transform(experiment):
        changed.append(len(experiment.data.dataset.videos))
        return experiment

    done = cross_validation.run(folds, tmp_path / "a", [1, 2], system, transform=transform)
    assert changed == [16]  # once, with all videos
    assert_complete(tmp_path / "a", cross_validation.write(done, folds, tmp_path / "a"), (1, 2))


def test_the_command(folds, tiny_file, tmp_path, capsys):
    given = ["jaxvid", "crossval", str(tiny_file), f"--workdir={tmp_path / 'run'}"]
    given += ["--config.model.system=sift", "--config.sift.clusters=4", "--config.sift.frames=2"]
    given += ["--config.sift.descriptors=300", "--config.data.threads=2"]
    assert command.main([*given, "--config.data.folds=0"]) == 2
    assert "data.folds=0: set it to the number of folds" in capsys.readouterr().err
    for seeds in ("0,0", "0,4294967296", "9" * 5000):
        assert command.main([*given, f"--seeds={seeds}"]) == 2
        assert f"--seeds={seeds}: must be different numbers from 0 to" in capsys.readouterr().err
    assert command.main([*given, "--config.data.folds=3", "--config.eval.split=val"]) == 2
    assert "eval.split=val: must be test" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
    assert command.main([*given, "--seeds=0,1"]) == 0
    printed = capsys.readouterr().out
    assert printed.splitlines()[0].endswith("16 videos in 4 groups; 2 folds, seed 0, 1")
    assert sum(line.startswith("seed ") for line in printed.splitlines()) == 4
    assert all(name in printed for name in ("mean of folds", "std", "min", "max"))
    assert (tmp_path / "run/figures/confusion_matrix.png").stat().st_size > 1000
    assert command.main([*given, "--seeds=0,1"]) == 0
    assert capsys.readouterr().out == printed


def test_a_fold_that_cannot_be_is_an_error_before_any_is_trained(folds, tmp_path):
    system = Parts(open_experiment, Trainer, evaluate)
    folds.data.folds = 5
    with pytest.raises(UserError, match="folds=5: ucf101 has 4 groups"):
        cross_validation.run(folds, tmp_path / "run", [0], system)
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    with pytest.raises(UserError, match="holds a run; choose another --workdir"):
        cross_validation.run(folds, tmp_path / "run", [0], system)


def test_choosing_on_test_clips_is_warned_of(folds, caplog):
    divided: list = []
    cross_validation._warn(folds, divided)
    assert not caplog.messages
    folds.eval.checkpoint = "best"
    cross_validation._warn(folds, divided)
    assert "chosen on the clips that it is then tested on" in caplog.text
    folds.data.validation = 0.3
    caplog.clear()
    cross_validation._warn(folds, divided)
    assert not caplog.messages
