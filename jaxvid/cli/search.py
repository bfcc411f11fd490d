"""Mode search: the videos most similar to a query, and near duplicates."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.text import Text

from jaxvid.cli.command import Command, check_trained
from jaxvid.cli.printing import console, find, table, warn_left_out, warn_skipped
from jaxvid.errors import UserError
from jaxvid.inference.retrieval import Index, query_vectors
from jaxvid.runtime import files
from jaxvid.runtime.signals import Signals

FORMATS = (".csv",)
HIT_COLUMNS = ("query", "video", "similarity")
GROUP_COLUMNS = ("group", "video")


def run(command: Command, signals: Signals) -> int:
    """Shows the `top` videos of a folder of `features` that are most similar to each query.

    Without queries: the groups of near duplicates, linked by pairs of at least `similarity`, and,
    where the videos are in folders by class, how well similarity finds the class. `output`: a new
    .csv file for the same, or "". Returns 1 where a query is skipped. Raises UserError for invalid
    input, for features of another model, and where no query can be read.
    """
    check_trained(command)
    options, config = command.options, command.config
    folder, similarity, top = options["features"], options["similarity"], options["top"]
    files.check_new(options["output"], FORMATS)
    if not folder:
        raise UserError("--mode=search looks in --features=FOLDER, an output of --mode=features")
    if not -1 <= similarity <= 1:
        raise UserError(f"--similarity={similarity}: must be from -1 to 1")
    if top < 1:
        raise UserError(f"--top={top}: must be at least 1")
    index = Index.of(Path(folder))
    if not command.arguments:
        _write(options["output"], GROUP_COLUMNS, _duplicates(index, similarity))
        return 0
    found = find(command.arguments, config)
    vectors, failed = query_vectors(config, command.workdir, found.videos, Path(folder))
    skipped = found.invalid | failed
    warn_left_out(found)
    warn_skipped(skipped, len(vectors))
    numbers, similarities = index.search(np.stack(list(vectors.values())), top)
    rows = [
        (str(query), index.names[number], f"{value:.4f}")
        for query, near, values in zip(vectors, numbers, similarities, strict=True)
        for number, value in zip(near, values, strict=True)
    ]
    _show(HIT_COLUMNS, rows)
    _write(options["output"], HIT_COLUMNS, rows)
    return int(bool(skipped))


def _duplicates(index: Index, similarity: float) -> list[tuple[str, ...]]:
    groups = index.duplicates(similarity)
    rows: list[tuple[str, ...]] = [
        (str(number), index.names[video])
        for number, members in enumerate(groups, 1)
        for video in members
    ]
    if rows:
        _show(GROUP_COLUMNS, rows)
    print(
        f"{len(rows)} of {len(index.names)} videos are in {len(groups)} groups of near "
        f"duplicates, of similarity {similarity:g} or more"
    )
    if scores := index.scores():
        print("by folder, each video searched among the others:")
        for name, value in scores.items():
            print(f"{name:30} {value:.4f}" if isinstance(value, float) else f"{name:30} {value}")
    return rows


def _show(columns: Sequence[str], rows: Sequence[tuple[str, ...]]) -> None:
    shown, before = table(columns), None
    for first, *others in rows:
        shown.add_row(Text("" if first == before else first), *map(Text, others))
        before = first
    console().print(shown)


def _write(output: str, columns: Sequence[str], rows: Sequence[tuple[str, ...]]) -> None:
    if output:
        files.write_csv(Path(output), columns, rows)
        print(f"{len(rows)} rows are in {output}")
