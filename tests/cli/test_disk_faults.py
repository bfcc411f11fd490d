"""A disk that is full, forbidden, gone or wrong, and a clock that jumps: each has a defined end."""

import json
import os
import resource
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import jax
import jobs
import numpy as np
import pytest
from command_line import Run, obeying
from ml_collections import ConfigDict

from jaxvid import main
from jaxvid.config import files as config_files
from jaxvid.data import loading
from jaxvid.runtime import files
from jaxvid.workdir import checkpoints


@pytest.fixture
def run(run: Callable[..., Run], tiny: ConfigDict, tmp_path: Path) -> Callable[..., Run]:
    """Makes the run of a workdir, with prepared records that no other test reads."""

    def make(name: str, *given: str) -> Run:
        cache = tmp_path / "cache"
        if not cache.exists():
            prepared(tiny)
            cache.mkdir()
            shutil.copytree(Path(tiny.data.cache, "records"), cache / "records")
        return run(name, f"--config.data.cache={cache}", *given)

    return make


def assert_same(run: Run, whole: Run) -> None:
    assert run.losses() == whole.losses()
    jax.tree.map(np.testing.assert_array_equal, run.parameters(), whole.parameters())


def assert_checkpoints_are_whole(run: Run) -> None:
    folder = run.workdir / "checkpoints"
    assert checkpoints.steps(folder)
    assert not [s for s in checkpoints.steps(folder) if checkpoints.damage(folder / str(s))]


def error(printed: str) -> str:
    """Returns the one line that says what is wrong."""
    [line] = [line for line in printed.splitlines() if line.startswith("error: ")]
    assert printed.rstrip().endswith(line)
    return line


def prepared(config: ConfigDict) -> Path:
    """Returns the folder of the manifest of what a config reads."""
    return loading.open_records(loading.load(config.data), config.data).sources[0].folder


def shard_of(run: Run, side: str) -> Path:
    """Returns a prepared shard that holds a clip of a side of the split."""
    folder = prepared(config_files.read(run.workdir / "config.json"))
    rows = (run.workdir / "split.csv").read_text().splitlines()
    wanted = {row.split(",")[0] for row in rows if row.split(",")[2] == side}
    for shard in json.loads((folder / "manifest.json").read_text())["shards"]:
        if wanted & {clip["id"] for clip in shard["clips"]}:
            return folder.parent / shard["file"]
    raise AssertionError(f"no shard holds a clip of {side}")


def flip(shard: Path) -> None:
    """Changes a byte in every picture of a shard, as a disk that rots."""
    data = bytearray(shard.read_bytes())
    place = data.find(b"\xff\xd8")
    while place != -1:
        data[place + 300] ^= 1
        place = data.find(b"\xff\xd8", place + 301)
    shard.write_bytes(data)


def test_a_full_disk_leaves_the_checkpoint_before(run, whole):
    full = run("full")
    process = full.begin()
    full.await_moment(process, full.saved)
    # No file may grow beyond what the logs need and the parameters exceed.
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
    said = error(full.end(process, 2))
    assert f"could not be written to {full.workdir}/checkpoints: the disk is full" in said
    assert said.endswith("those before it are whole: make room, and the same command continues")
    assert_checkpoints_are_whole(full)
    assert "continues after step" in full.finish()
    assert_same(full, whole)


def test_a_shard_that_rots_while_it_is_read_is_named(run, whole):
    rotten = run("rotten")
    process = rotten.begin()
    rotten.await_moment(process, rotten.saved)
    shard = shard_of(rotten, "train")
    flip(shard)
    said = error(rotten.end(process, 2))
    assert f"prepared shard {shard} is damaged (video " in said
    assert said.endswith("; delete it, and the same command prepares what it held anew")
    assert_checkpoints_are_whole(rotten)
    shard.unlink()
    assert "continues after step" in rotten.finish()
    assert_same(rotten, whole)


def test_a_rotten_shard_is_named_in_evaluation(run, whole, tmp_path):
    evaluated = run("evaluated", "--mode=eval")
    shutil.copytree(whole.workdir, evaluated.workdir)
    results = evaluated.workdir / "results.json"
    before = json.loads(results.read_text())
    config = config_files.read(evaluated.workdir / "config.json")
    config.data.cache = str(tmp_path / "cache")
    files.write_text(evaluated.workdir / "config.json", config_files.to_json(config))
    results.unlink()
    shard = shard_of(evaluated, "test")
    flip(shard)
    said = error(evaluated.finish(status=2))
    assert f"prepared shard {shard} is damaged (video " in said
    assert not results.exists()
    shard.unlink()
    evaluated.finish()
    after = json.loads(results.read_text())
    del before["seconds_per_clip"], after["seconds_per_clip"]
    assert after == before


@pytest.mark.parametrize("how", ["deleted", "moved"])
def test_a_workdir_that_vanishes_is_not_made_anew(run, whole, tmp_path, how):
    gone = run("gone")
    process = gone.begin()
    gone.await_moment(process, gone.saving(3) if how == "deleted" else gone.saved)
    gone.workdir.rename(tmp_path / "elsewhere")
    if how == "deleted":
        shutil.rmtree(tmp_path / "elsewhere", ignore_errors=True)
    said = error(gone.end(process, 2))
    assert said.startswith(f"error: {gone.workdir}")
    assert "was moved or deleted while this process was writing there" in said
    assert not gone.workdir.exists()
    if how == "moved":
        (tmp_path / "elsewhere").rename(gone.workdir)
        assert_checkpoints_are_whole(gone)
        assert "continues after step" in gone.finish()
        assert_same(gone, whole)


@pytest.mark.parametrize("mode", ["train", "eval"])
def test_a_read_only_workdir_is_said_at_once(run, whole, mode):
    forbidden = run("forbidden", f"--mode={mode}")
    shutil.copytree(whole.workdir, forbidden.workdir)
    before = {p: p.stat().st_mtime_ns for p in forbidden.workdir.rglob("*")}
    forbidden.workdir.chmod(0o555)
    try:
        said = error(forbidden.finish(status=2, starts=obeying))
    finally:
        forbidden.workdir.chmod(0o755)
    assert said.startswith(f"error: --workdir={forbidden.workdir}: nothing can be written to")
    assert {p: p.stat().st_mtime_ns for p in forbidden.workdir.rglob("*")} == before


def test_a_workdir_below_a_file_is_said_at_once(tiny_file, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    given = [f"--config={tiny_file}", f"--workdir={tmp_path}/file/run"]
    assert main.main(["jaxvid", *given]) == 2
    assert f"--workdir={tmp_path}/file/run: {tmp_path}/file is a file" in capsys.readouterr().err


def test_a_full_disk_leaves_the_shards_before(tiny, tiny_file, tmp_path, capsys):
    cache = tmp_path / "cache"
    given = ["--mode=prepare", f"--config.data.cache={cache}"]
    prepare = Run(tiny_file, tmp_path / "run", tmp_path, *given)
    before = prepared(tiny).parent
    assert main.main(["jaxvid", *prepare.arguments, "--config.data.part=1/2"]) == 0
    [folder] = cache.glob("records/ucf101-*")
    kept = {path: path.stat().st_mtime_ns for path in folder.glob("*.arrayrecord")}
    assert kept
    smallest = min(path.stat().st_size for path in before.glob("*.arrayrecord"))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (smallest - 1, limits[1]))
    try:
        process = prepare.begin(starts=jobs.start)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    said = error(prepare.end(process, 2))
    assert said.startswith(f"error: {cache}/records/")
    assert said.endswith("is the disk full? make room, and the same command continues")
    assert not [path for path in folder.iterdir() if path.name.startswith(".shard")]
    assert {*folder.glob("*.arrayrecord")} == {*kept}
    assert main.main(["jaxvid", *prepare.arguments]) == 0
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    names = {path.name: path.read_bytes() for path in before.glob("shard-*")}
    assert {path.name: path.read_bytes() for path in folder.glob("shard-*")} == names


JUMPING = """
import itertools, time
real, real_ns, asked = time.time, time.time_ns, itertools.count()
def away():
    return (0, -3600, 2 * 86400)[next(asked) % 3]
time.time = lambda: real() + away()
time.time_ns = lambda: real_ns() + away() * 10**9
"""


def test_a_clock_that_jumps_changes_nothing(run, whole, tmp_path):
    (tmp_path / "clock").mkdir()
    (tmp_path / "clock" / "sitecustomize.py").write_text(JUMPING)
    path = os.pathsep.join([str(tmp_path / "clock"), *filter(None, [os.getenv("PYTHONPATH")])])
    jumping = run("jumping", f"--config.data.cache={tmp_path}/other")  # so that it prepares, too
    jumping.finish(starts=jobs.start, PYTHONPATH=path)
    assert_same(jumping, whole)
    assert checkpoints.steps(jumping.workdir / "checkpoints")[-1] == 18
