import json
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from jaxvid import main as command
from jaxvid.cli.command import Mode

pytestmark = pytest.mark.usefixtures("shallow")


@pytest.fixture
def arguments(tiny_file: Path, tmp_path: Path) -> list[str]:
    """The command line of a run of `tiny`, whose workdir is `tmp_path/run`."""
    return ["jaxvid", f"--config={tiny_file}", f"--workdir={tmp_path / 'run'}"]


def run(*arguments: str) -> int:
    return command.main(["jaxvid", *arguments])


def test_train_then_evaluate_from_the_workdir_alone(arguments, tmp_path, capsys, one_device):
    assert command.main([*arguments, "--config.train.epochs=2.0"]) == 0
    printed = capsys.readouterr().out
    workdir = tmp_path / "run"
    results = json.loads((workdir / "results.json").read_text())
    assert f"{results['parameters']:,} parameters" in printed
    for name in ("config.json", "metrics.jsonl", "predictions.csv", "per_class.csv"):
        assert (workdir / name).stat().st_size > 0
    assert list((workdir / "tensorboard").glob("events.*"))

    assert run("--mode=eval", f"--workdir={workdir}") == 0
    again = json.loads((workdir / "results.json").read_text())
    assert {**again, "seconds_per_clip": 0} == {**results, "seconds_per_clip": 0}

    # Other settings never replace the run's own results.
    assert run("--mode=eval", f"--workdir={workdir}", "--config.eval.shuffle_frames=true") == 0
    assert (workdir / "evaluations" / "shuffle_frames=True" / "results.json").is_file()
    assert json.loads((workdir / "results.json").read_text()) == again

    assert command.main([*arguments, "--config.train.epochs=2.0", "--config.eval.views=2"]) == 0
    assert (workdir / "evaluations" / "views=2" / "results.json").is_file()
    assert json.loads((workdir / "results.json").read_text()) == again

    capsys.readouterr()
    arguments = [*arguments, "--config.train.epochs=2.0"]
    assert command.main([*arguments, "--config.train.momentum=0.5"]) == 2
    assert "train.momentum: 0.9 there, 0.5 now" in capsys.readouterr().err
    assert run("--mode=eval", "--workdir", str(workdir), "--config.model.pooling=last") == 2
    assert "model.pooling: 'mean' there, 'last' now" in capsys.readouterr().err
    assert run("--mode=eval", "--workdir", str(workdir), "--config.data.modality=flow") == 2
    assert "data.modality: 'rgb' there, 'flow' now" in capsys.readouterr().err

    about = json.loads((workdir / "dataset.json").read_text())
    assert about["class_names"] == ["SitDown", "StandUp"]
    (workdir / "dataset.json").write_text(json.dumps(about | {"training_clips": 11}))
    assert command.main(arguments) == 2
    assert "clips have changed since the run in" in capsys.readouterr().err


@pytest.fixture
def own_signals():
    """Gives the signals back to the tests."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        ("prepare", "stopped; the same command continues"),
        ("train", "stopped; the same command continues"),
        ("predict", "stopped"),
        ("export", "stopped"),
    ],
)
def test_stopped_it_says_whether_the_same_command_continues(
    arguments, capsys, monkeypatch, own_signals, mode, said
):
    monkeypatch.setattr(Mode, "run", lambda *_: signal.raise_signal(signal.SIGINT))
    assert command.main([*arguments, f"--mode={mode}"]) == 128 + signal.SIGINT
    assert capsys.readouterr().err == f"{said}\n"


def test_stopped_within_a_library_that_makes_it_another_exception(
    arguments, capsys, monkeypatch, own_signals
):
    def run(*_: object) -> None:
        try:
            signal.raise_signal(signal.SIGTERM)
        except KeyboardInterrupt as interrupt:
            raise RuntimeError("while reading") from interrupt

    monkeypatch.setattr(Mode, "run", run)
    assert command.main([*arguments, "--mode=eval"]) == 128 + signal.SIGTERM
    assert capsys.readouterr().err == "stopped; the same command continues\n"


def test_an_error_that_is_no_interrupt_is_not_taken_for_one(arguments, monkeypatch, own_signals):
    def run(*_: object) -> None:
        try:
            raise ValueError("first")
        except ValueError as error:
            raise RuntimeError("second") from error

    monkeypatch.setattr(Mode, "run", run)
    with pytest.raises(RuntimeError, match="second"):
        command.main([*arguments, "--mode=eval"])


def test_stopped_where_python_drops_exceptions_it_stops_a_moment_later(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        """
import runpy, signal, time
from jaxvid.cli.command import Mode

class Dropping:
    def __del__(self):
        signal.raise_signal(signal.SIGTERM)

def run(*_):
    Dropping()
    time.sleep(100)
    return 0

Mode.run = run
runpy.run_module("jaxvid.main", run_name="__main__", alter_sys=True)
"""
    )
    ended = subprocess.run(
        [sys.executable, program, "--mode=eval", f"--workdir={tmp_path}", "--config=i3d"],
        capture_output=True,
        text=True,
        timeout=90,
    )
    assert (ended.returncode, ended.stderr) == (
        128 + signal.SIGTERM,
        "stopped; the same command continues\n",
    )


def test_prepare_says_where(arguments, capsys):
    assert command.main([*arguments, "--mode=prepare"]) == 0
    assert "rgb of 16 videos is prepared in" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            ["--config.train.bach_size=3"],
            "no field config.train.bach_size; did you mean train.batch",
        ),
        (["--config.seed=x"], "flag --config.seed=x"),
        (["--config.data.root=/nowhere"], "/nowhere does not exist"),
        (["--config.data.split=9"], "data.split=9: .* has the splits 1, 2, 3"),
        (["--config.model.backbone=i4d"], "unknown backbone 'i4d': one of i3d, li3d"),
        (["--config.model.temporal_stride=3"], "unknown temporal_stride 3"),
        (
            ["--config.data.modality=flow+rgb"],
            "modality='flow.rgb': must be one of rgb, flow, rgb.flow",
        ),
        (
            ["--config.model.backbone=two_stream"],
            "two_stream reads rgb.flow, not what .*=rgb gives",
        ),
        (
            ["--config.data.modality=skeleton", "--config.model.backbone=st_gcn"],
            "ucf101 has no skeletons; config.data.dataset=embedded, ntu60, ntu120, ",
        ),
        (
            ["--config.data.modality=flow", "--config.data.flow.method=tvl1"],
            "method=tvl1 needs OpenCV's contrib modules",
        ),
        (["--config.data.intervals=(3,2)"], "data.intervals=.*SHORTEST, LONGEST"),
        (["--config.data.classes=Fly"], "has no class Fly"),
        (["--config.data.classes=3"], "data.classes=.*: must be names"),
        (["--config.train.epochs=inf"], "train.epochs=inf: must be a finite value"),
        (["--config.train.step_epochs=('a',)"], "step_epochs=.*: must be numbers"),
        (["--config.train.batch_size", "0"], "train.batch_size=0: must be at least 1"),
        (["--mode=trian"], "unknown command 'trian' .did you mean train.*: must be one of train"),
        (["clip.mp4"], "unexpected argument 'clip.mp4'"),
        (["--mode=eval"], "run/config.json does not exist"),
    ],
)
def test_wrong_input_is_one_line_and_leaves_nothing(arguments, tmp_path, capsys, given, message):
    assert command.main([*arguments, *given]) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 1
    assert said[0].startswith("error: ")
    assert re.search(message, said[0])
    assert not (tmp_path / "run").exists()


def test_a_missing_config_is_reported(capsys):
    assert run("--config.seed=1") == 2
    assert "pass --config=NAME, or --workdir=DIR of an earlier run" in capsys.readouterr().err


def test_listed_videos_that_are_missing_are_named_and_skipped(arguments, tiny, tmp_path, capsys):
    root = shutil.copytree(tiny.data.root, tmp_path / "data")
    video = next((root / "UCF-101" / "SitDown").glob("*g01_c01.avi"))
    video.unlink()
    assert command.main([*arguments, f"--config.data.root={root}", "--mode=prepare"]) == 0
    said = capsys.readouterr().err
    assert f"listed but not found: {video}" in said
    assert "1 of 16 listed videos are not in" in said


def test_a_video_that_does_not_decode_is_named_and_skipped(arguments, tiny, tmp_path, capsys):
    root = shutil.copytree(tiny.data.root, tmp_path / "data")
    video = next((root / "UCF-101" / "SitDown").glob("*g01_c01.avi"))
    video.write_bytes(b"\0" * 5000)
    assert command.main([*arguments, f"--config.data.root={root}", "--mode=prepare"]) == 0
    assert f"skipped SitDown/{video.name}: not a video" in capsys.readouterr().err
