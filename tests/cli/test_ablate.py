import csv
import os
import signal
from collections.abc import Sequence
from pathlib import Path

import pytest

from jaxvid.ablation.rows import Ablation
from jaxvid.ablation.tables import C1, TABLES, WHOLE, Row, Run, Table
from jaxvid.cli import ablate, flags
from jaxvid.config import files as config_files
from jaxvid.config.fields import flatten
from jaxvid.runtime import files
from jaxvid.workdir import layout as workdirs

ROOT = Path(__file__).parents[2]
RESULTS = {
    "accuracy": 0.975,
    "precision": 0.97625,
    "recall": 0.9751,
    "parameters": 12_379_984,
    "seconds_per_clip": 0.0123456,
    "num_clips": 420,
}


def slug(config: str, augment: str = "true") -> str:
    return f"{config}-augment={augment}-eval.crop=whole"


class Fake:
    """Stands in for a child: writes what a training that ends would write, or fails.

    `failing`: the status and the last line of the workdirs' names that do not end well; `stops_at`:
    the one during which a signal arrives.
    """

    def __init__(self, failing: dict[str, tuple[int, str]] | None = None, stops_at: str = ""):
        self.received = 0
        self.ran: list[str] = []
        self.arguments: list[list[str]] = []
        self.failing, self.stops_at = failing or {}, stops_at

    def run(self, arguments: Sequence[str], log: Path) -> tuple[int, str]:
        own = [argument for argument in arguments if argument.startswith("--")]
        workdir = Path(next(a for a in own if a.startswith("--workdir=")).partition("=")[2])
        assert log == workdir.parent / f"{workdir.name}.log"
        self.ran.append(workdir.name)
        self.arguments.append(list(arguments))
        if workdir.name == self.stops_at:
            self.received = signal.SIGTERM
            return 128 + signal.SIGTERM, "stopped and saved"
        if workdir.name in self.failing:
            return self.failing[workdir.name]
        output = workdir
        if "--mode=fuse" not in arguments:
            config = flags.parse([*own]).config
            if not (workdir / "config.json").is_file():
                files.write_text(workdir / "config.json", config_files.to_json(config))
            output = workdirs.evaluation_folder(workdir, config)
        files.write_json(output / "results.json", RESULTS)
        return 0, "results, predictions and figures are in it"


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Runs the command line with a fake child; returns the status, what is printed, the child."""

    def run(*arguments: str, child: Fake | None = None) -> tuple[int, str, Fake]:
        child = child or Fake()
        monkeypatch.setattr(ablate, "Child", lambda: child)
        status = ablate.main([*arguments, f"--output={tmp_path / 'out'}"], program=[])
        captured = capsys.readouterr()
        return status, captured.out + captured.err, child

    return run


@pytest.fixture
def fused(monkeypatch) -> list[str]:
    """A table X of two runs and their fusion; returns the names of their workdirs."""
    first, second = Run("i3d"), Run("li3d", (), ("model.hidden=8",))
    runs = (first, second, Run(fused=(first, second)))
    rows = tuple(Row(run.slug, run) for run in runs)
    monkeypatch.setitem(TABLES, "X", Table("X", "Fusion", ("accuracy",), rows))
    return [run.slug for run in runs]


def cells(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as opened:
        return list(csv.DictReader(opened))


def test_rows_run_in_order_and_shared_ones_once(run, tmp_path):
    status, said, child = run("A2", "A3", "B1", "--config.train.epochs=2", "--root=/data")
    assert status == 0
    assert child.ran == [
        *(
            slug("i3d"),
            slug("li3d"),
            slug("li3d_lstm"),
        ),
        *(
            slug("li3d_bilstm"),
            slug("li3d_bilstm_soft"),
        ),
    ]
    assert child.arguments[0] == [
        "--config=i3d:embedded,augment=true",
        f"--workdir={tmp_path / 'out' / slug('i3d')}",
        "--config.eval.crop=whole",
        "--config.data.root=/data",
        "--config.train.epochs=2",
    ]
    assert f"[2/5] {slug('li3d')} (A2 LI3D, A3 LI3D) from " in said
    assert said.count("accuracy 0.9750 on 420 clips, ") == 5
    measured = cells(tmp_path / "out" / "A3.csv")
    assert [row["paper on UCF101: accuracy"] for row in measured] == ["0.85", "0.86", "0.90"]
    assert [row["state"] for row in measured] == ["measured"] * 3


def test_the_same_command_skips_what_is_finished(run, tmp_path):
    run("A1")
    status, said, child = run("A1", "--config.data.threads=1")
    assert (status, child.ran) == (0, [])
    assert said.count("finished before, accuracy 0.9750 on 420 clips") == 2

    # An evaluation of a run that is not at its end does not make it a finished one.
    workdir = tmp_path / "out" / slug("i3d", "false")
    (workdir / "ablation.json").unlink()
    assert run("A1")[2].ran == [slug("i3d", "false")]

    status, _, child = run("A1", "--config.eval.views=3")
    assert len(child.ran) == 2
    assert (workdir / "evaluations" / "views=3" / "ablation.json").is_file()
    assert run("A1", "--config.eval.views=3")[2].ran == []


def test_a_failed_row_is_named_and_the_others_go_on(run, tmp_path):
    failing = {
        slug("i3d"): (2, "error: a | b"),
        slug("li3d"): (-9, ""),
    }
    status, said, child = run("A2", "A3", child=Fake(failing))
    assert status == 1
    assert len(child.ran) == 4
    assert "failed: a | b (exit status 2), 0 s" in said
    states = [row["state"] for row in cells(tmp_path / "out" / "A2.csv")]
    assert states == [
        "failed: a | b (exit status 2)",
        "failed: no message (killed by signal 9)",
    ]
    assert "failed: a \\| b (exit status 2)" in (tmp_path / "out" / "A2.md").read_text()

    status, _, child = run("A2", "A3")
    assert (status, child.ran) == (
        0,
        [slug("i3d"), slug("li3d")],
    )


def test_a_stopped_row_ends_the_command(run, tmp_path):
    status, said, child = run("A3", child=Fake(stops_at=slug("li3d_lstm")))
    assert status == 128 + signal.SIGTERM
    assert child.ran == [
        slug("li3d"),
        slug("li3d_lstm"),
    ]
    assert "stopped; the same command continues" in said
    states = [row["state"] for row in cells(tmp_path / "out" / "A3.csv")]
    assert states == ["measured", "not finished", "not finished"]
    assert run("A3")[2].ran == [
        slug("li3d_lstm"),
        slug("li3d_bilstm"),
    ]


def test_fusing_takes_the_workdirs_of_its_runs(run, fused, tmp_path):
    status, said, child = run("X", "--config.train.epochs=2")
    out = tmp_path / "out"
    assert status == 0
    assert child.ran == fused == ["i3d", "li3d-model.hidden=8", "i3d+li3d-model.hidden=8"]
    assert child.arguments[1][2:] == ["--config.model.hidden=8", "--config.train.epochs=2"]
    assert child.arguments[2] == [
        *("--mode=fuse", f"--workdir={out / fused[2]}"),
        *(str(out / "i3d"), str(out / "li3d-model.hidden=8")),
    ]
    assert run("X", "--config.train.epochs=2")[2].ran == []

    # Another evaluation of a part makes the fusion stale.
    later = (out / fused[2] / "results.json").stat().st_mtime + 1
    os.utime(out / "i3d" / "results.json", (later, later))
    assert run("X", "--config.train.epochs=2")[2].ran == [fused[2]]

    status, said, _ = run("X", "--config.train.epochs=2", "--config.eval.views=2")
    assert status == 1
    assert "i3d was evaluated under other settings than its run's" in said


def test_a_failed_part_fails_the_fusion(run, fused):
    status, said, child = run("X", child=Fake({"i3d": (1, "KeyError: 'x'")}))
    assert (status, child.ran) == (1, fused[:2])
    assert "failed: i3d, which it requires, failed" in said


def test_the_papers_own_fusion():
    ablation = Ablation([C1], "embedded", Path("out"), [])
    snippets, most = "short_snippets", "model.encoder=none-model.pooling=max"
    assert [run.slug for run in ablation.labels] == [
        *("lrcn", "c3d", "vgg16-modality=rgb", "vgg16-modality=flow"),
        "vgg16-modality=rgb+vgg16-modality=flow",
        *(rgb := f"{snippets}-modality=rgb", flow := f"{snippets}-modality=flow", f"{rgb}+{flow}"),
        *(f"{rgb}-{most}", f"{flow}-{most}", f"{rgb}-{most}+{flow}-{most}"),
        *("conv_fusion", "deep_fusion"),
    ]
    assert ablation.command([*ablation.labels][4]) == (
        "python -m jaxvid.main --mode=fuse --workdir=out/vgg16-modality=rgb+vgg16-modality=flow "
        "out/vgg16-modality=rgb out/vgg16-modality=flow"
    )


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "name one or more tables of A1, A2, A3, B1, B2, C1, C2, D3"),
        (["A1", "A9"], "unknown table 'A9': must be one of A1, A2, A3, B1"),
        (["A1", "--dataset=nowhere"], "unknown dataset 'nowhere': must be one of embedded"),
        (["A1", "--data=embedded"], "there is no flag --data; did you mean --dataset?"),
        (["A1", "--config.train.epoch=2"], "there is no field config.train.epoch"),
        (["A1", "--config.train.epochs=x"], "train.epochs=x"),
        (["A1", "--config.train.epochs=0"], "train.epochs=0.0: must be more than 0"),
        (["A1", "--config.train.epochs", "0"], "train.epochs=0.0: must be more than 0"),
        (["A1", "--config.data.dataset=ucf101"], "the flag is --dataset=NAME here"),
        (["A1", "--config.data.augment=true"], "augment: this is what the tables' rows differ by"),
        (["B2", "--config.model.clusters=9"], "clusters: this is what the tables' rows differ by"),
    ],
)
def test_wrong_input_is_one_line_and_runs_nothing(run, tmp_path, given, message):
    status, said, child = run(*given)
    assert (status, child.ran) == (2, [])
    assert len(said.strip().splitlines()) == 1
    assert said.startswith("error: ")
    assert message in said
    assert not (tmp_path / "out").exists()


def test_other_settings_than_a_rows_are_refused_before_anything_runs(run, tmp_path):
    run("A1", "--config.train.epochs=2")
    before = (tmp_path / "out" / "A1.md").read_text()
    status, said, child = run("A1")
    assert (status, child.ran) == (2, [])
    there = "holds a run of another config (train.epochs: 2.0 there, 14.0"
    assert f"{slug('i3d', 'false')} {there}" in said
    assert "choose another --output" in said
    assert (tmp_path / "out" / "A1.md").read_text() == before


def test_listing_runs_nothing(run, tmp_path):
    status, said, child = run("--list")
    assert (status, child.ran) == (0, [])
    assert all(f"{name}  {table.title}" in said for name, table in TABLES.items())
    assert (
        "    I3D                           i3d:embedded,augment=false --config.eval.crop=whole\n"
        in said
    )
    assert "fuses vgg16:embedded,modality=rgb and vgg16:embedded,modality=flow\n" in said
    status, said, _ = run("--list", "B2", "--dataset=ucf101")
    assert "--config.eval.crop=whole --config.model.clusters=1024" in said
    assert "A1" not in said
    assert not (tmp_path / "out").exists()


def test_configs_are_read_as_the_main_program_reads_them():
    ablation = Ablation(list(TABLES.values()), "embedded", Path("out"), ["--config.seed=3"])
    runs = [run for run in ablation.labels if (ROOT / "configs" / f"{run.config}.py").is_file()]
    assert Run("li3d_bilstm", ("augment=true",), WHOLE) in runs
    for run in runs:
        theirs = flags.parse([*ablation.arguments(run)]).config
        assert flatten(ablation.config(run)) == flatten(theirs)
