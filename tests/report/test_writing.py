import json
import shutil

import cv2
import fakes
import pytest

from jaxvid import main as command
from jaxvid.errors import UserError
from jaxvid.report import runs, writing

NAMES = fakes.class_names(6)


def run(*arguments) -> int:
    return command.main(["jaxvid", *map(str, arguments)])


def report(*arguments) -> int:
    return run("--mode=report", *arguments)


def data_of(page) -> dict:
    text = page.read_text(encoding="utf-8")
    found = text.partition('id="data">')[2].partition("</script>")[0]
    return json.loads(found)


def pictures_of(page) -> list:
    text = page.read_text(encoding="utf-8")
    return json.loads(text.partition('id="pictures">')[2].partition("</script>")[0])


def test_training_ends_with_a_report_and_a_lost_dataset_costs_only_the_clips(
    tiny, tiny_file, tmp_path, capsys, reports, one_device
):
    workdir = tmp_path / "run"
    arguments = ("--config.model.backbone=vgg16", "--config.model.pooling=attention")
    arguments += ("--config.model.encoder=none", "--config.train.epochs=2.0")
    assert run(f"--config={tiny_file}", f"--workdir={workdir}", *arguments) == 0
    assert f"the report is {workdir / 'report.html'}" in capsys.readouterr().out
    drawn = {path.stem for path in (workdir / "figures").iterdir()}
    assert drawn - {"tsne_classes"} == {
        *("confusion_matrix", "per_class", "roc", "training_curves", "attention", "feature_maps"),
    }  # four clips are too few for a t-SNE
    for path in (workdir / "figures").iterdir():
        assert cv2.imread(str(path)).std() > 5
    moving = pictures_of(workdir / "report.html")
    assert [clip[1] for clip in moving] == [tiny.data.num_frames] * 4
    data = data_of(workdir / "report.html")
    assert [sum(row) for row in data["clips"]["attention"]] == pytest.approx([1] * 4, abs=1e-3)
    assert "it needs 5 clips" in data["lacks"]["embeddings"]

    shutil.rmtree(workdir / "figures")
    results = (workdir / "results.json").read_bytes()
    gone = f"--config.data.root={tmp_path / 'gone'}"
    assert report(f"--workdir={workdir}", gone) == 0
    said = capsys.readouterr().out
    assert "no clips: " in said
    assert str(tmp_path / "gone") in said
    assert not {"attention", "feature_maps"} & {p.stem for p in (workdir / "figures").iterdir()}
    assert pictures_of(workdir / "report.html") == []
    assert (workdir / "results.json").read_bytes() == results


def test_a_report_that_fails_loses_no_results(tmp_path, capsys, monkeypatch, reports):
    workdir = fakes.evaluated(tmp_path / "run", NAMES, 30)

    def broken(*_, **__):
        raise RuntimeError("no space left in the palette")

    monkeypatch.setattr(writing, "write", broken)
    assert run("--mode=fuse", f"--workdir={tmp_path / 'f'}", workdir, again(workdir)) == 0
    said = capsys.readouterr().err
    assert "no report was written (RuntimeError: no space left in the palette)" in said
    assert json.loads((tmp_path / "f" / "results.json").read_text())["num_clips"] == 30


def again(workdir):
    copy = workdir.with_name("copy")
    shutil.copytree(workdir, copy)
    return copy


def test_a_fusion_has_a_report_without_what_it_has_not(tmp_path, capsys, reports):
    first = fakes.evaluated(tmp_path / "a", NAMES, 30)
    fused = tmp_path / "fused"
    assert run("--mode=fuse", f"--workdir={fused}", first, again(first)) == 0
    assert f"the report is {fused / 'report.html'}" in capsys.readouterr().out
    assert {p.stem for p in (fused / "figures").iterdir()} == {
        *("confusion_matrix", "per_class", "roc"),
    }
    assert report(f"--workdir={fused}") == 0
    lacking = data_of(fused / "report.html")["lacks"]
    assert set(lacking) == {"embeddings", "curves", "attention", "clips", "feature_maps"}


def test_runs_are_compared_and_classes_chosen(tmp_path):
    first = fakes.evaluated(tmp_path / "x" / "run", NAMES, 40)
    second = fakes.evaluated(tmp_path / "y" / "run", NAMES, 40, seed=1)
    other = fakes.evaluated(tmp_path / "fewer", NAMES, 38)
    chosen = f"{NAMES[4]},{NAMES[5]}"
    written = writing.write(first, first, None, None, [second, other], chosen, "none here")
    assert {path.stem for path in written.figures} == {
        *("confusion_matrix", "per_class", "roc", "training_curves", "compared_curves"),
        *("tsne", "tsne_classes"),
    }
    data = data_of(written.page)
    assert [r["name"] for r in data["runs"]] == [str(first), str(second), "fewer"]
    assert [r["sameClips"] for r in data["runs"]] == [True, True, False]
    low, high = data["runs"][1]["interval"]
    assert low < data["runs"][1]["results"]["accuracy"] < high
    assert [len(r["places"]) for r in data["runs"]] == [40, 40, 38]


def test_class_names_with_commas_can_be_chosen():
    assert writing.classes_of(NAMES[3], NAMES) == [3]
    assert writing.classes_of("Action000", NAMES) == [5]
    assert writing.classes_of("", NAMES) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--workdir={0}/nowhere"], "has no evaluation: run with --mode=eval"),
        (["--workdir={0}/a", "{0}/nowhere"], "has no evaluation: run with --mode=eval"),
        (["--workdir={0}/a", "{0}/a"], "is named twice"),
        (["--workdir={0}/a", "{0}/two"], "has other classes"),
        (["--workdir={0}/a", "--classes=Walk"], "there is no class 'Walk'"),
        (["--workdir={0}/a", "--top=3"], "--top is a flag of predict"),
        (["--workdir={0}/damaged"], "are not what an evaluation writes"),
        ([], "report requires --workdir=DIR"),
    ],
)
def test_wrong_input_is_answered_in_one_sentence(arguments, said, tmp_path, capsys, monkeypatch):
    fakes.evaluated(tmp_path / "a", NAMES, 30)
    fakes.evaluated(tmp_path / "two", NAMES[:2], 30)
    damaged = fakes.evaluated(tmp_path / "damaged", NAMES, 30)
    (damaged / "predictions.csv").write_text("clip,label\n1,2\n")
    for folder in (tmp_path / "a", tmp_path / "damaged"):
        config = json.loads((folder / "config.json").read_text())
        config["data"]["dataset"] = "folder"  # which is not available
        (folder / "config.json").write_text(json.dumps(config))
    assert report(*(argument.format(tmp_path) for argument in arguments)) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_an_evaluation_under_other_settings_is_named_by_them(tmp_path):
    workdir = fakes.evaluated(tmp_path / "run", NAMES, 30)
    folder = fakes.evaluated(workdir / "evaluations" / "views=3", NAMES, 30)
    found = runs.read(workdir, folder)
    assert found.name == "run (views=3)"
    assert found.metrics  # of the run


def test_embeddings_of_another_evaluation_are_left_out(tmp_path):
    workdir = fakes.evaluated(tmp_path / "run", NAMES, 30)
    results = json.loads((workdir / "results.json").read_text())
    (workdir / "results.json").write_text(json.dumps(results | {"step": 1}))
    found = runs.read(workdir)
    assert found.embeddings is None
    assert "is of another evaluation; --mode=eval" in found.lacks["embeddings"]
    with pytest.raises(UserError, match="is named twice"):
        runs.read_all(found, [workdir])
