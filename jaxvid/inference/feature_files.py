"""Files of features: one .npz per video, written row by row, and what says how it was made.

`made_by` in each file is a fingerprint of the model, of its checkpoint's content and of how the
windows are cut, so that features of two models are never taken for each other.
"""

import json
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from jaxvid.data.modalities import Modality
from jaxvid.data.prepare import shards
from jaxvid.errors import UserError
from jaxvid.runtime import files

ABOUT = "features.json"  # beside the files: what made them all
ROWS = ("times", "embedding", "sequence", "logits")
SUFFIX = ".npz"
# What NumPy raises on a file that is not there, damaged, or no such file at all.
DAMAGED = (
    OSError,
    ValueError,
    KeyError,
    EOFError,
    TypeError,
    NotImplementedError,
    zipfile.BadZipFile,
    zlib.error,
)


@dataclass(frozen=True)
class Source:
    """A video and its state, by which a file knows whether the video has changed since."""

    path: Path
    state: str

    @classmethod
    def of(cls, path: Path, modalities: Sequence[Modality]) -> "Source":
        """Returns a video as it is now: all files of it that `modalities` read."""
        states = [shards.source(path.name, path, modality).state for modality in modalities]
        return cls(path.absolute(), files.fingerprint(states))


def claim(folder: Path, about: dict[str, Any]) -> None:
    """Makes a folder that of one model's features. Raises UserError where it is another one's."""
    path = folder / ABOUT
    if path.is_file():
        before = files.read_json(path)
        if before != about:
            there = before.items() if isinstance(before, dict) else ()
            changed = [name for name, value in there if about.get(name) != value]
            raise UserError(
                f"--output={folder} holds the features of another model, or of other windows "
                f"({', '.join(changed)} differ in {ABOUT}); choose another folder"
            )
    elif folder.is_dir() and any(folder.iterdir()):
        raise UserError(f"--output={folder} holds other files: a new or empty folder is wanted")
    else:
        files.write_json(path, about)


def is_whole(path: Path, source: Source, made_by: str) -> bool:
    """Says whether a file holds all features of a video as it is now, from the same model.

    Raises UserError where it holds, from the same model, those of a video elsewhere.
    """
    try:
        with np.load(path, allow_pickle=False) as there:
            if str(there["made_by"]) != made_by:
                return False
            video, state = str(there["video"]), str(there["video_state"])
    except DAMAGED:
        return False
    if Path(video).resolve() != source.path.resolve():
        raise UserError(
            f"{path} holds the features of {video}, and would be overwritten with those of "
            f"{source.path}: choose another --output, or delete the file"
        )
    return state == source.state


class Rows:
    """The features of one video, kept on disk while they come: they may be more than memory."""

    def __init__(self, folder: Path):
        self.count = 0
        self._parts = {name: tempfile.TemporaryFile(dir=folder) for name in ROWS}  # noqa: SIM115
        self._shapes: dict[str, tuple[int, ...]] = {}

    def append(self, row: dict[str, np.ndarray]) -> None:
        """Adds a window: times (2,), embedding (E,), sequence (τ, D), logits (N,)."""
        for name, part in self._parts.items():
            array = np.ascontiguousarray(row[name], _dtype(name))
            self._shapes[name] = array.shape
            part.write(array.tobytes())
        self.count += 1

    def save(self, path: Path, about: dict[str, Any]) -> None:
        """Writes an .npz file of all rows, (W, ...), with what else it says; closes."""

        def save(temporary: Path) -> None:
            with zipfile.ZipFile(temporary, "w") as archive:
                for name, value in about.items():
                    with _member(archive, name) as member:
                        np.lib.format.write_array(member, np.asarray(value), allow_pickle=False)
                for name, part in self._parts.items():
                    with _member(archive, name) as member:
                        shape = (self.count, *self._shapes[name])
                        header = {"descr": _dtype(name).str, "fortran_order": False, "shape": shape}
                        np.lib.format.write_array_header_1_0(member, header)
                        part.seek(0)
                        shutil.copyfileobj(part, member)

        files.write(path, save)
        self.close()

    def close(self) -> None:
        for part in self._parts.values():
            part.close()


def _dtype(name: str) -> np.dtype:
    return np.dtype("<f8" if name == "times" else "<f4")


@contextmanager
def _member(archive: zipfile.ZipFile, name: str) -> Iterator[BinaryIO]:
    with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
        yield member


def find(folder: Path) -> list[Path]:
    """Returns the files of features in a folder and below, by path. Raises UserError for none."""
    if not (folder / ABOUT).is_file():
        raise UserError(f"{folder} holds no {ABOUT}: the --output of --mode=features is wanted")
    found = sorted(p for p in folder.rglob(f"*{SUFFIX}") if not p.name.startswith("."))
    if not found:
        raise UserError(f"{folder} holds no features: --mode=features writes them")
    return found


def about(folder: Path) -> dict[str, Any]:
    """Returns what made the features of a folder. Raises UserError."""
    path = folder / ABOUT
    try:
        there = json.loads(path.read_text(encoding="utf-8"))
        windows = [there["fields"][f"windows.{field}"] for field in ("length", "stride")]
        if isinstance(there["made_by"], str) and all(isinstance(w, int | float) for w in windows):
            return there
    except (OSError, ValueError, KeyError, TypeError):
        pass
    raise UserError(f"{path} is missing or damaged: --mode=features writes it")


def read(path: Path, made_by: str) -> tuple[str, np.ndarray]:
    """Returns the video of a file, and its windows' embeddings (W, E).

    Raises UserError for a damaged or foreign file, and for features that another model made.
    """
    try:
        with np.load(path, allow_pickle=False) as there:
            found, video = str(there["made_by"]), str(there["video"])
            embedding = there["embedding"]
    except DAMAGED:
        raise UserError(
            f"{path} is damaged, or no file of features: delete it, and --mode=features makes it "
            "anew"
        ) from None
    if found != made_by:
        raise UserError(f"{path} is of another model than {ABOUT} beside it says: delete it")
    if embedding.ndim != 2 or not len(embedding) or embedding.dtype.kind != "f":
        raise UserError(f"{path}: its embedding is no array of windows (W, E): delete it")
    return video, embedding
