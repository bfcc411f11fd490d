"""Files that are whole or absent, locks, and folders that are named by their content."""

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
from typing import IO, Any

import numpy as np

from jaxvid.errors import UserError


def write(path: Path, save: Callable[[Path], Any]) -> None:
    """Calls `save` with a temporary path and renames that file to `path` (see `writing`)."""
    with writing(path) as temporary:
        save(temporary)


@contextmanager
def writing(path: Path, temporary: Path | None = None) -> Iterator[Path]:
    """Yields a temporary path beside `path`, and in the end renames that file to `path`.

    An exception removes it. `temporary` replaces the name, `temporary_name(path)`.
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
        if isinstance(error, OSError):
            named(error, path, temporary)
        raise


def named(error: OSError, path: Path, temporary: Path | None = None) -> None:
    """Gives an error the name of the file that was being written, where a user knows no other.

    Where it names the file's temporary name, and where the disk is full, which names none.
    """
    is_full = error.errno in (errno.ENOSPC, errno.EDQUOT) and error.filename is None
    if is_full or (temporary is not None and error.filename == str(temporary)):
        error.filename = str(path)


def temporary_name(path: Path) -> Path:
    """Returns a new hidden name beside a path, with its suffix: writers choose a format by it."""
    return path.with_name(f".{path.stem}.{uuid.uuid4().hex[:8]}{path.suffix}")


def check_new(output: str, suffixes: tuple[str, ...]) -> None:
    """Raises UserError for an --output that exists, is below a file or has no valid suffix."""
    if not output:
        return
    if Path(output).suffix.lower() not in suffixes:
        raise UserError(f"--output={output}: must end in {' or '.join(suffixes)}")
    if Path(output).exists():
        raise UserError(f"--output={output} exists already; choose another name, or delete it")
    check_parents(Path(output), f"--output={output}")


def check_parents(path: Path, given: str) -> None:
    """Raises UserError if a path is below a file; `given`: the flag with its value."""
    nearest = next((parent for parent in path.parents if parent.exists()), None)
    if nearest is not None and not nearest.is_dir():
        raise UserError(f"{given}: {nearest} is a file, but must be a folder")


def write_text(path: Path, text: str) -> None:
    """Writes a text file in UTF-8; bytes that are not UTF-8 are written as `utf8` returns them."""
    write(path, lambda temporary: temporary.write_text(utf8(text), encoding="utf-8"))


def utf8(text: str) -> str:
    """Returns text in which bytes that are not UTF-8, as in file names, are JSON escapes."""
    return text.encode(errors="backslashreplace").decode()


def write_json(path: Path, value: Any) -> None:
    """Writes a value as indented JSON."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Writes rows as CSV under a header, whose names may repeat."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    write_text(path, text.getvalue())


def read_json(path: Path) -> Any:
    """Reads JSON. Raises UserError if it is invalid, OSError if the file cannot be read."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{path} is damaged: {error}") from None


def write_arrays(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Writes named arrays to an .npz file, which holds their checksums."""
    save: Callable[..., None] = np.savez  # an array may have any name
    write(path, lambda temporary: save(temporary, **arrays))


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Reads named arrays. Raises UserError if they are damaged, OSError if there is no file."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return dict(arrays)
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(f"{path} is damaged: {error}") from None


def write_array(path: Path, array: np.ndarray) -> None:
    """Writes an array to an .npy file."""
    write(path, lambda temporary: np.save(temporary, array))


def read_array(path: Path) -> np.ndarray:
    """Reads an .npy file. Raises UserError if it is damaged, OSError if there is no file."""
    try:
        array: np.ndarray = np.load(path, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise UserError(f"{path} is damaged: {error}; delete it") from None
    return array


@contextmanager
def locked(folder: Path, waits: bool) -> Iterator[None]:
    """Locks a folder against other processes of this machine, until the block or this one ends.

    If another process has the lock: waits for it, or raises UserError.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f".{folder.name}.lock").open("w") as file:
        if not _lock(file, waits):
            raise UserError(f"another process is at work in {folder}")
        yield


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Marks a file as being written (see `is_held`), until the block or the process ends."""
    with path.open("rb+") as file:
        with suppress(OSError):
            _lock(file, waits=False)
        yield


def is_held(path: Path) -> bool:
    """Returns whether a process holds a file: never on a disk without locks. Raises OSError."""
    with path.open("rb+") as file:
        return not _lock(file, waits=False)


def _lock(file: IO[Any], waits: bool) -> bool:
    """Locks a file, if its disk has locks; returns False if another process has the lock."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX if waits else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS):
            raise
    return True


def clock(folder: Path, prefix: str) -> float:
    """Returns the time of the clock that dates a folder's files, in seconds since the epoch.

    That of a file server may differ from this machine's. `prefix`: of a temporary file. Raises
    OSError.
    """
    with tempfile.NamedTemporaryFile(dir=folder, prefix=prefix) as file:
        return os.fstat(file.fileno()).st_mtime


class Place:
    """A folder that must not move while this process writes below it."""

    def __init__(self, path: Path):
        self.path = path.absolute()
        self._folder: int | None = None
        with suppress(FileNotFoundError, NotADirectoryError):
            # Kept open, so that a new folder does not get the number of a deleted one.
            self._folder = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
            weakref.finalize(self, os.close, self._folder)

    def check(self) -> None:
        """Raises UserError if the folder has been moved or deleted since."""
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
    """Returns 16 hexadecimal digits for a JSON value that describes a folder's content."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def fingerprint_arrays(arrays: dict[str, np.ndarray]) -> str:
    """Returns 16 hexadecimal digits for named arrays."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(array.data)
    return digest.hexdigest()[:16]
