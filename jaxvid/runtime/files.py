"""Writing files whole or not at all, and naming folders by what they hold."""

import csv
import errno
import fcntl
import hashlib
import io
import json
import os
import tempfile
import uuid
import weakref
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from jaxvid.errors import UserError


def write(path: Path, save: Callable[[Path], Any]) -> None:
    """Calls `save` with a temporary path beside `path` and renames it to `path` once it is whole.

    The temporary name keeps the suffix, because image and video writers choose the format by it.
    """
    with writing(path) as temporary:
        save(temporary)


@contextmanager
def writing(path: Path, temporary: Path | None = None) -> Iterator[Path]:
    """Gives a temporary path beside `path`; upon leaving, the file there is renamed to `path`.

    After an exception, it is removed. `temporary`: its name, for who has to know it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary or temporary_name(path)
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException as error:
        with suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError) and error.filename == str(temporary):
            error.filename = str(path)  # the name that a user knows
        raise


def temporary_name(path: Path) -> Path:
    """Returns a hidden, new name beside a path, with its suffix."""
    return path.with_name(f".{path.stem}.{uuid.uuid4().hex[:8]}{path.suffix}")


def check_new(output: str, suffixes: tuple[str, ...]) -> None:
    """Raises UserError for an --output that exists, or whose name ends in none of `suffixes`.

    Also for one below a file.
    """
    if output and Path(output).suffix.lower() not in suffixes:
        raise UserError(f"--output={output}: a name that ends in {' or '.join(suffixes)} is wanted")
    if output and Path(output).exists():
        raise UserError(f"--output={output} exists already; choose another name, or delete it")
    if output:
        check_parents(Path(output), f"--output={output}")


def check_parents(path: Path, given: str) -> None:
    """Raises UserError where a path lies below a file; `given`: the flag that names it."""
    nearest = next((parent for parent in path.parents if parent.exists()), None)
    if nearest is not None and not nearest.is_dir():
        raise UserError(f"{given}: {nearest} is a file, where a folder is wanted")


def write_text(path: Path, text: str) -> None:
    """Writes a text file in UTF-8, names that are not UTF-8 as `utf8` shows them."""
    write(path, lambda temporary: temporary.write_text(utf8(text), encoding="utf-8"))


def utf8(text: str) -> str:
    """Returns text in which the bytes of file names that are not UTF-8 are spelt out.

    As JSON spells them: in a JSON file they are read as what they were.
    """
    return text.encode(errors="backslashreplace").decode()


def write_json(path: Path, value: Any) -> None:
    """Writes a value as indented JSON."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Writes rows as CSV under a header, whose names may repeat: a class can have any name."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    write_text(path, text.getvalue())


def read_json(path: Path) -> Any:
    """Reads JSON. Raises UserError where it is none, OSError where there is no such file."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{path} is damaged: {error}") from None


def write_arrays(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Writes named arrays to an .npz file, which holds their checksums."""
    write(path, lambda temporary: np.savez(temporary, **arrays))


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Reads named arrays. Raises UserError where they are damaged, OSError for no such file."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return dict(arrays)
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(f"{path} is damaged: {error}") from None


@contextmanager
def locked(folder: Path, waits: bool) -> Iterator[None]:
    """Holds a folder against other processes of this machine that ask for the same.

    Where another one holds it: waits for it, or raises UserError. The lock ends with the process.
    On a disk that has no locks, nothing is held.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f".{folder.name}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX if waits else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(f"another process is at work in {folder}") from None
        except OSError as error:
            if error.errno not in (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS):
                raise
        yield


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Marks a file as being written, for `is_held` to see, until the end or that of the process.

    On a disk that has no locks, nothing is held.
    """
    with path.open("rb+") as file:
        with suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


def is_held(path: Path) -> bool:
    """Says whether a process holds a file. Raises OSError where it is not there."""
    with path.open("rb+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError as error:
            if error.errno not in (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS):
                raise
    return False


def clock(folder: Path, prefix: str) -> float:
    """Returns the time by the clock that dates the files of a folder, seconds since the epoch.

    That of this machine may differ. `prefix`: of the file that is written to see. Raises OSError.
    """
    with tempfile.NamedTemporaryFile(dir=folder, prefix=prefix) as file:
        return os.fstat(file.fileno()).st_mtime


class Place:
    """A folder that is to stay where it is while something is written below it."""

    def __init__(self, path: Path):
        self.path = path.absolute()
        self._folder: int | None = None
        with suppress(FileNotFoundError, NotADirectoryError):
            # Open, so that a folder that is made anew does not get the number of a deleted one.
            self._folder = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
            weakref.finalize(self, os.close, self._folder)

    def check(self) -> None:
        """Raises UserError where the folder was moved or deleted since."""
        if self._folder is None or not self._is_there(self._folder):
            raise UserError(
                f"{self.path} was moved or deleted while this process was writing there; "
                "move it back, and the same command continues"
            )

    def _is_there(self, folder: int) -> bool:
        try:
            return os.path.samestat(self.path.stat(), os.fstat(folder))
        except (FileNotFoundError, NotADirectoryError):
            return False


def fingerprint(content: Any) -> str:
    """Returns 16 hexadecimal digits for a JSON-able description of a folder's content."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
