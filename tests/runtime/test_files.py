import multiprocessing
from pathlib import Path

import numpy as np
import pytest

from jaxvid.errors import UserError
from jaxvid.inference import annotate
from jaxvid.runtime import files


def hold(folder, taken, released):
    with files.locked(folder, waits=True):
        taken.set()
        released.wait(60)


def test_a_file_is_whole_or_not_there(tmp_path):
    def fails(path):
        path.write_text("half")
        raise RuntimeError

    files.write_text(tmp_path / "a.txt", "before")
    with pytest.raises(RuntimeError):
        files.write(tmp_path / "a.txt", fails)
    assert (tmp_path / "a.txt").read_text() == "before"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("below", ["x.csv", "../x.csv", "new/x.csv"])
def test_an_output_below_a_file_is_refused_at_once(tmp_path, below):
    file = tmp_path / "lab.csv"
    file.write_text("")
    with pytest.raises(UserError, match=r"--output=.*lab\.csv is a file"):
        files.check_new(f"{file}/{below}", (".csv",))
    with pytest.raises(UserError, match=r"--annotate=.*lab\.csv is a file"):
        annotate.copies({Path("a.avi"): Path("a.avi")}, file / below)
    files.check_new(f"{tmp_path}/new/x.csv", (".csv",))


def test_damaged_json_is_named(tmp_path):
    (tmp_path / "a.json").write_text('{"a": ')
    with pytest.raises(UserError, match=r"a\.json is damaged"):
        files.read_json(tmp_path / "a.json")


def test_arrays_read_back_or_are_said_to_be_damaged(tmp_path):
    path = tmp_path / "a.npz"
    arrays = {"a": np.arange(3.0), "b": np.zeros((0, 2), np.float32)}
    files.write_arrays(path, arrays)
    read = files.read_arrays(path)
    assert read.keys() == arrays.keys()
    assert all(np.array_equal(read[name], arrays[name]) for name in arrays)
    whole = path.read_bytes()
    for spoilt in (whole[:-9], whole[:90], b"", b"no arrays"):
        path.write_bytes(spoilt)
        with pytest.raises(UserError, match=r"a\.npz is damaged"):
            files.read_arrays(path)


def test_a_folder_is_held_against_another_process(tmp_path):
    context = multiprocessing.get_context("spawn")
    taken, released = context.Event(), context.Event()
    process = context.Process(target=hold, args=(tmp_path / "run", taken, released))
    process.start()
    assert taken.wait(60)
    with pytest.raises(UserError, match="another process is at work in"):
        files.locked(tmp_path / "run", waits=False).__enter__()
    released.set()
    process.join(60)
    with files.locked(tmp_path / "run", waits=False):
        pass


def test_fingerprints_tell_content_apart():
    assert files.fingerprint({"a": 1, "b": 2}) == files.fingerprint({"b": 2, "a": 1})
    assert files.fingerprint({"a": 1}) != files.fingerprint({"a": 2})


def test_a_folder_that_is_moved_away_is_noticed(tmp_path):
    place = files.Place(tmp_path / "run")
    with pytest.raises(UserError, match="run was moved or deleted"):
        place.check()
    (tmp_path / "run").mkdir()
    place = files.Place(tmp_path / "run")
    place.check()
    (tmp_path / "run").rename(tmp_path / "away")
    (tmp_path / "run").mkdir()
    with pytest.raises(UserError, match="run was moved or deleted"):
        place.check()
    (tmp_path / "run").rmdir()
    (tmp_path / "away").rename(tmp_path / "run")
    place.check()


def test_a_folder_made_anew_is_another_one(tmp_path):
    (tmp_path / "run").mkdir()
    place = files.Place(tmp_path / "run")
    (tmp_path / "run").rmdir()
    (tmp_path / "run").mkdir()  # file systems give it the number of the one before
    with pytest.raises(UserError, match="run was moved or deleted"):
        place.check()


def test_a_file_that_cannot_be_written_is_said_by_its_own_name(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / ("x" * 240)).write_text("")  # its temporary name is too long
    with pytest.raises(OSError, match="too long") as raised:
        files.write_text(tmp_path / "a" / ("x" * 250), "text")
    assert raised.value.filename == str(tmp_path / "a" / ("x" * 250))
