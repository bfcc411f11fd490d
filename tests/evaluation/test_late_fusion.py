import csv
import json
from pathlib import Path

import numpy as np
import pytest

from jaxvid import main as command
from jaxvid.data.datasets import Video
from jaxvid.errors import UserError
from jaxvid.evaluation.evaluate import Scores, write_results
from jaxvid.evaluation.late_fusion import fuse

NAMES = ("Jump", "label")  # a class may be called what a column is
PROBABILITIES = {
    "rgb": [[0.9, 0.1], [0.6, 0.4], [0.3, 0.7]],
    "flow": [[0.8, 0.2], [0.1, 0.9], [0.6, 0.4]],
}


def evaluated(workdir: Path, probabilities, names=NAMES, clips=("a", "b", "c"), **more) -> Path:
    labels = np.array([0, 1, 1])
    scores = Scores(
        [Video(Path(c), int(n), "test", "g") for c, n in zip(clips, labels, strict=True)],
        np.array(probabilities),
        labels,
        0.5,
    )
    about = {"parameters": 10, "parameters_without_classifier": 7, "step": 3}
    about |= {"split": "test", "dataset": "toy", "config": workdir.name, **more}
    write_results(scores, about, names, workdir)
    return workdir


@pytest.fixture
def runs(tmp_path):
    return [evaluated(tmp_path / name, p) for name, p in PROBABILITIES.items()]


def test_scores_are_averaged_and_reported(runs, tmp_path, capsys):
    output = tmp_path / "fused"
    assert command.main(["jaxvid", "--mode=fuse", f"--workdir={output}", *map(str, runs)]) == 0
    assert "accuracy                       1.0000" in capsys.readouterr().out
    results = json.loads((output / "results.json").read_text())
    assert (results["accuracy"], results["num_clips"]) == (1.0, 3)
    assert (results["parameters"], results["config"]) == (20, "rgb + flow")
    assert results["seconds_per_clip"] == 1.0
    assert results["fused"] == [str(run) for run in runs]
    with (output / "predictions.csv").open() as file:
        header, *rows = csv.reader(file)
    assert header == ["clip", "label", "predicted", "correct", *NAMES]
    assert [row[1] for row in rows] == ["Jump", "label", "label"]
    shown = [[float(share) for share in row[4:]] for row in rows]
    np.testing.assert_allclose(shown, np.mean(list(PROBABILITIES.values()), axis=0))
    # Each stream by itself had one clip wrong; the same fusion again replaces its own results.
    assert fuse(runs, output) == results


def test_flops_are_summed_where_all_have_them(runs, tmp_path):
    networks = [evaluated(run, PROBABILITIES[run.name], flops_per_clip=5) for run in runs]
    assert fuse(networks, tmp_path / "two")["flops_per_clip"] == 10
    sift = evaluated(tmp_path / "sift", PROBABILITIES["rgb"])
    assert "flops_per_clip" not in fuse([*networks, sift], tmp_path / "three")


def test_runs_that_do_not_fit_are_refused(runs, tmp_path):
    output = tmp_path / "fused"
    other = evaluated(tmp_path / "other", PROBABILITIES["rgb"], clips=("a", "b", "d"))
    with pytest.raises(UserError, match=r"other was evaluated on other clips than .*rgb"):
        fuse([runs[0], other], output)
    other = evaluated(tmp_path / "named", PROBABILITIES["rgb"], names=("Jump", "Run"))
    with pytest.raises(UserError, match=r"named has other classes than .*rgb"):
        fuse([runs[0], other], output)
    (other / "predictions.csv").write_text("clip,label,predicted,correct,Jump,label\na,Fly,,,1,x\n")
    with pytest.raises(UserError, match=r"predictions\.csv .*are not what an evaluation writes"):
        fuse([runs[0], other], output)
    with pytest.raises(UserError, match="two or more workdirs"):
        fuse(runs[:1], output)
    with pytest.raises(UserError, match="nowhere has no evaluation: run with --mode=eval"):
        fuse([runs[0], tmp_path / "nowhere"], output)
    with pytest.raises(UserError, match="rgb holds the results of a run"):
        fuse(runs, runs[0])
    with pytest.raises(UserError, match="named twice"):
        fuse([runs[0], runs[0]], output)
    (other / "predictions.csv").write_text("")
    with pytest.raises(UserError, match=r"predictions\.csv .*are not what an evaluation writes"):
        fuse([runs[0], other], output)
    (other / "predictions.csv").write_text("clip,label,predicted,correct,Jump,label\n")
    (other / "results.json").write_text("{}")
    with pytest.raises(UserError, match=r"not what an evaluation writes.*'parameters'"):
        fuse([runs[0], other], output)
    assert not output.exists()


def test_a_fusion_needs_a_folder(capsys):
    assert command.main(["jaxvid", "--mode=fuse", "a", "b"]) == 2
    assert "fuse requires --workdir=DIR" in capsys.readouterr().err
