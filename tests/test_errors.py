import errno
from pathlib import Path

import pytest

from jaxvid.config import default
from jaxvid.data import loading
from jaxvid.errors import UserError, one_line
from jaxvid.runtime import files

REMEDY = "--config.data.cache=FOLDER or the variable XDG_CACHE_HOME puts the cache elsewhere"


def error(code: int, path: Path) -> str:
    return one_line(OSError(code, "that does not work", str(path)))


@pytest.mark.parametrize("below", ["", ".cache", ".cache/jaxvid/records/x/shard.arrayrecord"])
@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES, errno.ENOTDIR])
def test_a_home_that_takes_no_cache_says_the_remedy(tmp_path, monkeypatch, below, code):
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    path = tmp_path / below
    assert error(code, path) == f"error: that does not work: {path}; {REMEDY}"
    other = tmp_path / "other" / "x"
    assert error(code, other) == f"error: that does not work: {other}"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "other"))
    assert loading.cache_folder(default().data) == tmp_path / "other" / "jaxvid"
    assert REMEDY in error(code, tmp_path / "other" / "jaxvid")


def test_no_home_at_all_says_the_remedy(monkeypatch):
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)

    def home():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", home)
    with pytest.raises(UserError, match=r"no home folder for the cache: --config\.data"):
        loading.cache_folder(default().data)
    with pytest.raises(FileNotFoundError) as raised:
        Path("/nowhere").read_text()
    assert one_line(raised.value) == "error: No such file or directory: /nowhere"


def test_a_full_disk_names_the_file_and_the_remedy(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def full(temporary):
        temporary.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    for folder, more in (("out", ""), ("cache/jaxvid/features", f"; {REMEDY}")):
        path = tmp_path / folder / "a.npz"
        with pytest.raises(OSError) as raised:
            files.write(path, full)
        room = "make room there, and run the same command again"
        assert one_line(raised.value) == f"error: No space left on device: {path}; {room}{more}"
        assert not list(path.parent.iterdir())
