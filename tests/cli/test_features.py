"""Mode features."""

import re
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from jaxvid import main as command
from jaxvid.data.windows import Cutter
from jaxvid.experiment import experiment as experiments
from jaxvid.inference import feature_files

pytestmark = pytest.mark.usefixtures("shallow")


def run(*arguments) -> int:
    return command.main(["jaxvid", "--mode=features", *map(str, arguments)])


@pytest.fixture
def workdir(tiny, saved, tmp_path) -> Path:
    saved(experiments.open_experiment(tiny), tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture
def videos(tiny, tmp_path) -> Path:
    """Three videos, one of them in a folder of its own, and a file that does not decode."""
    source = sorted((Path(tiny.data.root) / "UCF-101" / "SitDown").glob("*.avi"))
    folder = tmp_path / "videos"
    (folder / "inside").mkdir(parents=True)
    for video, name in zip(source, ("a.avi", "b.avi", "inside/a.avi"), strict=False):
        shutil.copy(video, folder / name)
    (folder / "c.mp4").write_bytes(b"\0" * 5000)
    return folder


def test_a_batch_that_cannot_fit_is_refused_before_the_folder_is_there(
    workdir, videos, tmp_path, capsys
):
    output = tmp_path / "features"
    given = (f"--workdir={workdir}", f"--output={output}", videos)
    assert run(*given, f"--config.eval.batch_size={10**9}") == 2
    assert "config.eval.batch_size=1000000000" in capsys.readouterr().err
    assert not output.exists()


def test_every_video_gets_a_file_and_what_is_done_is_skipped(workdir, videos, tmp_path, capsys):
    output = tmp_path / "features"
    given = (f"--workdir={workdir}", f"--output={output}", videos, "--config.windows.length=0.5")
    given += ("--config.windows.stride=0.2", "--config.eval.batch_size=16")
    assert run(*given) == 1
    printed = capsys.readouterr()
    assert f"skipped {videos / 'c.mp4'}: not a video" in printed.err
    assert f"features of 3 videos are new in {output}, of 0 were there" in printed.out
    assert {p.relative_to(output).as_posix() for p in output.rglob("*") if p.is_file()} == {
        "features.json",
        "a.avi.npz",
        "b.avi.npz",
        "inside/a.avi.npz",
    }
    made_by = feature_files.about(output)["made_by"]
    for path in feature_files.find(output):
        with np.load(path) as there:
            fps, count = float(there["fps"]), len(there["times"])
            length, stride = round(0.5 * fps), round(0.2 * fps)
            np.testing.assert_allclose(there["times"][:-1, 0], np.arange(count - 1) * stride / fps)
            np.testing.assert_allclose(np.ptp(there["times"], axis=1), length / fps)
            assert there["embedding"].shape == (count, 16)
            assert there["sequence"].shape[:1] + there["sequence"].shape[2:] == (count, 16)
            assert there["logits"].shape == (count, 2)
            assert {there[n].dtype.name for n in ("embedding", "sequence", "logits")} == {"float32"}
            # The mean over time is what the classifier reads; windows differ.
            pooled = there["sequence"].mean(axis=1)
            np.testing.assert_allclose(there["embedding"], pooled, atol=1e-5)
            assert np.ptp(there["embedding"], axis=0).max() > 1e-4
            assert (str(there["made_by"]), int(there["step"])) == (made_by, 3)
            assert there["class_names"].tolist() == ["SitDown", "StandUp"]
            assert str(there["video"]) == str(videos / path.relative_to(output).with_suffix(""))

    before = {path: path.stat().st_mtime_ns for path in feature_files.find(output)}
    (output / "a.avi.npz").write_bytes(b"PK damaged")
    shutil.copy(videos / "a.avi", videos / "b.avi")  # another video by the same name
    assert run(*given) == 1
    assert "features of 2 videos are new" in capsys.readouterr().out
    again = {path: path.stat().st_mtime_ns for path in feature_files.find(output)}
    assert [path.name for path in before if before[path] == again[path]] == ["a.avi.npz"]
    with np.load(output / "a.avi.npz") as a, np.load(output / "b.avi.npz") as b:
        np.testing.assert_allclose(a["logits"], b["logits"], atol=1e-5)

    assert run(*given, "--config.windows.stride=0.3") == 2
    assert "features of another model, or of other windows" in capsys.readouterr().err
    assert run(f"--workdir={workdir}", videos, f"--output={videos}") == 2
    assert "holds other files" in capsys.readouterr().err


def test_processes_share_the_videos(workdir, videos, tmp_path, capsys):
    (videos / "c.mp4").unlink()
    given = (f"--workdir={workdir}", f"--output={tmp_path / 'features'}", videos)
    assert run(*given, "--config.data.part=2/2") == 0
    assert [p.name for p in feature_files.find(tmp_path / "features")] == ["b.avi.npz"]
    assert run(*given, "--config.data.part=1/2") == 0
    assert len(feature_files.find(tmp_path / "features")) == 3
    capsys.readouterr()
    assert run(*given, "--config.data.part=4/5") == 0
    printed = capsys.readouterr().out
    assert "part 4 of 5 is empty: there are 3 videos" in printed
    assert "are new" not in printed


def test_a_changed_frame_of_a_folder_makes_its_features_anew(workdir, tmp_path, capsys):
    frames = tmp_path / "frames"
    frames.mkdir()
    for i in range(9):
        cv2.imwrite(str(frames / f"{i}.png"), np.full((48, 64, 3), 20 * i, np.uint8))
    given = (f"--workdir={workdir}", f"--output={tmp_path / 'features'}", frames)
    counts = []
    for change in (False, False, True):
        if change:
            folder = frames.stat().st_mtime_ns
            (frames / "4.png").write_bytes((frames / "8.png").read_bytes())
            assert frames.stat().st_mtime_ns == folder
        assert run(*given) == 0
        counts.append(re.search(r"of (\d) videos are new", capsys.readouterr().out)[1])
    assert counts == ["1", "0", "1"]


@pytest.mark.parametrize("change", ["appended", "deleted"])
def test_a_video_that_changes_while_it_is_read_is_noted_as_before(
    workdir, videos, tmp_path, monkeypatch, capsys, change
):
    of_file = Cutter.of_file

    def changing(self, path, modalities):
        yield from of_file(self, path, modalities)
        if change == "deleted":
            path.unlink()
        else:
            path.write_bytes(path.read_bytes() + b"more")

    output = tmp_path / "features"
    given = (f"--workdir={workdir}", f"--output={output}", videos / "a.avi")
    with monkeypatch.context() as patch:
        patch.setattr(Cutter, "of_file", changing)
        assert run(*given) == 0
    assert len(feature_files.find(output)) == 1
    if change == "appended":
        capsys.readouterr()
        assert run(*given) == 0
        assert "features of 1 videos are new" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "--mode=features writes to --output=FOLDER"),
        (["--output={videos}/a.avi"], "is a file: it must be a folder"),
        (["--output={new}", "{videos}/a.avi", "{videos}/inside"], "would both be .*/a.avi.npz"),
        (["--output={new}", "--config.eval.shuffle_frames=true"], "keeps frames in order"),
        (["--output={new}", "/nowhere"], "/nowhere: it does not exist"),
        (["--output={new}", "/nowhere", "--config.data.part=3/2"], "data.part='3/2'"),
    ],
)
def test_wrong_input_is_one_line(tiny, workdir, videos, tmp_path, capsys, given, message):
    new = tmp_path / "new"
    given = [each.format(videos=videos, new=new) for each in given]
    assert run(f"--workdir={workdir}", *given) == 2
    (said,) = capsys.readouterr().err.strip().splitlines()
    assert re.search(message, said)
    assert not new.exists()
