"""Files of features: one .npz per video, written row by row, and a JSON file about all of them.

`made_by` in each file is a fingerprint of the model, of its checkpoint's content and of how the
windows are cut: features of two models are never mixed.
"""

import json
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from jaxvid.data.modalities import Modality
from jaxvid.data.prepare import shards
from jaxvid.errors import UserError
from jaxvid.runtime import files

ABOUT = "features.json"  # beside the files: the model and the settings that made them
ROWS = ("times", "embedding", "sequence", "logits")
SUFFIX = ".npz"
# What NumPy raises for a file that is missing, damaged, or of another kind; NotImplementedError is
# zipfile's, for a compression that it does not know.
DAMAGED = (
    *(OSError, ValueError, KeyError, EOFError, TypeError, NotImplementedError),
    *(zipfile.BadZipFile, zlib.error),
)


def source_of(path: Path, modalities: Sequence[Modality]) -> dict[str, str]:
    """Returns a video's path and its state, which changes where a file of it does."""
    states = [shards.source(path.name, path, modality).state for modality in modalities]
    return {"video": str(path.absolute()), "video_state": files.fingerprint(states)}


def claim(folder: Path, about: dict[str, Any]) -> None:
    """Makes a folder one model's. Raises UserError for one of another model or other files."""
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
        raise UserError(f"--output={folder} holds other files: it must be a new or empty folder")
    else:
        files.write_json(path, about)


def is_whole(path: Path, source: dict[str, str], made_by: str) -> bool:
    """Returns whether a file holds all features of a video as it is now, from the same model.

    Raises UserError where it holds those of a video elsewhere, from the same model.
    """
    try:
        with np.load(path, allow_pickle=False) as there:
            if str(there["made_by"]) != made_by:
                return False
            video, state = str(there["video"]), str(there["video_state"])
    except DAMAGED:
        return False
    if Path(video).resolve() != Path(source["video"]).resolve():
        raise UserError(
            f"{path} holds the features of {video}, and would be overwritten with those of "
            f"{source['video']}: choose another --output, or delete the file"
        )
    return state == source["video_state"]


class Rows:
    """The features of one video, on disk while they are computed: they may exceed the memory.

    `path`: the file that `save` writes. All of them raise OSError, with its name on a full disk.
    """

    def __init__(self, path: Path):
        self._path = path
        self._count = 0
        folder = path.parent
        self._parts = {name: tempfile.TemporaryFile(dir=folder) for name in ROWS}  # noqa: SIM115
        self._shapes: dict[str, tuple[int, ...]] = {}

    def append(self, row: dict[str, np.ndarray]) -> None:
        """Adds a window: times (2,), embedding (E,), sequence (τ, D), logits (N,)."""
        with self._named():
            for name, part in self._parts.items():
                array = np.ascontiguousarray(row[name], _dtype(name))
                self._shapes[name] = array.shape
                part.write(array.tobytes())
        self._count += 1

    def save(self, about: dict[str, Any]) -> None:
        """Writes an .npz file of all rows, (W, ...), and of `about`; closes."""
        arrays = dict(about)
        with self._named():
            for name, part in self._parts.items():
                part.flush()
                shape = (self._count, *self._shapes[name])
                arrays[name] = np.memmap(part, _dtype(name), "r", shape=shape)
            files.write_arrays(self._path, arrays)
        self.close()

    @contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            files.named(error, self._path)
            raise

    def close(self) -> None:
        """Deletes the temporary files."""
        for part in self._parts.values():
            part.close()


def _dtype(name: str) -> np.dtype:
    return np.dtype("<f8" if name == "times" else "<f4")


def find(folder: Path) -> list[Path]:
    """Returns the files of features in a folder and below, by path. Raises UserError for none."""
    if not (folder / ABOUT).is_file():
        raise UserError(f"{folder} holds no {ABOUT}: it must be an --output of --mode=features")
    found = sorted(p for p in folder.rglob(f"*{SUFFIX}") if not p.name.startswith("."))
    if not found:
        raise UserError(f"{folder} holds no features: --mode=features writes them")
    return found


def about(folder: Path) -> dict[str, Any]:
    """Returns the content of a folder's features.json. Raises UserError where it is damaged."""
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

    Raises UserError for a damaged or foreign file, and for features of another model.
    """
    try:
        with np.load(path, allow_pickle=False) as there:
            found, video = str(there["made_by"]), str(there["video"])
            embedding = there["embedding"]
    except DAMAGED:
        raise UserError(
            f"{path} is damaged, or no file of features: delete it and run --mode=features again"
        ) from None
    if found != made_by:
        raise UserError(f"{path} is of another model than {ABOUT} beside it: delete it")
    if embedding.ndim != 2 or not len(embedding) or embedding.dtype.kind != "f":
        raise UserError(f"{path}: its embedding is no array of windows (W, E): delete it")
    return video, embedding
