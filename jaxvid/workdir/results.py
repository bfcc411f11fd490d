"""What an evaluation wrote, read back: the scores of every clip and results.json."""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from jaxvid.errors import UserError
from jaxvid.runtime import files

RESULTS = "results.json"
TABLE = "predictions.csv"
COLUMNS = ("clip", "label", "predicted", "correct")  # then one for each class


@dataclass(frozen=True)
class Predictions:
    """The scores of evaluated clips. Shapes: labels (B,), probabilities (B, N), six decimals."""

    class_names: tuple[str, ...]
    clips: tuple[str, ...]
    labels: np.ndarray
    probabilities: np.ndarray
    results: dict[str, Any]

    @property
    def predicted(self) -> np.ndarray:
        """The class with the highest score of each clip (B,)."""
        return self.probabilities.argmax(-1)


def read(folder: Path, needed: Iterable[str] = ()) -> Predictions:
    """Reads what an evaluation wrote to a folder; `needed`: names that results.json must have.

    Raises UserError where there was no evaluation, or where the files are not what one writes.
    """
    table = folder / TABLE
    if not (table.is_file() and (folder / RESULTS).is_file()):
        raise UserError(
            f"{folder} has no evaluation: run with --mode=eval --workdir={folder} first"
        )
    results = files.read_json(folder / RESULTS)
    try:
        for name in needed:
            _ = results[name]
        with table.open(newline="", encoding="utf-8") as file:
            header, *rows = csv.reader(file)
        names = tuple(header[len(COLUMNS) :])
        index = {name: label for label, name in enumerate(names)}
        return Predictions(
            class_names=names,
            clips=tuple(row[0] for row in rows),
            labels=np.array([index[row[1]] for row in rows]),
            probabilities=np.array([row[len(COLUMNS) :] for row in rows], np.float64),
            results=results,
        )
    except (IndexError, KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"{table} and {RESULTS} are not what an evaluation writes ({error}): run with "
            f"--mode=eval --workdir={folder} again"
        ) from None
