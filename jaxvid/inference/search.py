"""Search among videos by their features: what is like a query, and what is there twice."""

import tempfile
from pathlib import Path

import numpy as np
from ml_collections import ConfigDict
from rich.table import Table
from rich.text import Text

from jaxvid.errors import UserError
from jaxvid.inference import feature_files, retrieval, video_files
from jaxvid.inference import features as extraction
from jaxvid.inference.retrieval import Index
from jaxvid.inference.timeline import wide_console
from jaxvid.runtime import files

FORMATS = (".csv",)
HIT_COLUMNS = ("query", "video", "likeness")
GROUP_COLUMNS = ("group", "video")


def run(
    config: ConfigDict,
    workdir: Path,
    queries: list[str],
    features: str,
    likeness: float,
    top: int,
    output: str,
) -> int:
    """Shows the `top` videos of a folder of features that are likest to each query.

    Without queries: the groups of near duplicates, linked by pairs of at least `likeness`, and,
    where the videos are in folders by class, how well likeness finds the class. `output`: a new
    .csv file for the same, or "". Returns the number of queries that cannot be read. Raises
    UserError for wrong arguments, features of another model, and where no query can be read.
    """
    files.check_new(output, FORMATS)
    if not features:
        raise UserError("--mode=search looks in --features=FOLDER, an output of --mode=features")
    if not -1 <= likeness <= 1:
        raise UserError(f"--likeness={likeness}: from -1 to 1 is wanted")
    if top < 1:
        raise UserError(f"--top={top}: at least 1 is wanted")
    index = _index(Path(features))
    if not queries:
        rows = _duplicates(index, likeness)
        _evaluate(index)
        _write(output, GROUP_COLUMNS, rows)
        return 0
    found, skipped = _query_vectors(config, workdir, queries, Path(features))
    video_files.tell(skipped, len(found))
    rows = _hits(index, found, top)
    _write(output, HIT_COLUMNS, rows)
    return len(skipped)


def _index(folder: Path) -> Index:
    paths = feature_files.find(folder)
    made_by = feature_files.about(folder)["made_by"]
    there = [feature_files.read(path, made_by) for path in paths]
    videos, embeddings = zip(*there, strict=True)
    return Index(videos, np.stack([retrieval.vector(each) for each in embeddings]))


def _query_vectors(
    config: ConfigDict, workdir: Path, queries: list[str], folder: Path
) -> tuple[dict[Path, np.ndarray], dict[Path, str]]:
    """Returns the vectors of videos, made as those in a folder of features were."""
    extraction.check_system(config)
    there = feature_files.about(folder)
    with config.unlocked():
        for field in ("length", "stride"):
            config.windows[field] = there["fields"][f"windows.{field}"]
    found = video_files.find(queries, config)
    if not found.videos:
        video_files.tell(found.wrong, answered=0)
    with tempfile.TemporaryDirectory() as temporary:
        target = Path(temporary)
        network, about = extraction.opened(config, workdir)
        if about["made_by"] != there["made_by"]:
            raise UserError(
                f"the features in {folder} are of another model or other settings than those of "
                f"{workdir}: --mode=features makes them anew in another folder"
            )
        names = {path: target / f"{i}.npz" for i, path in enumerate(found.videos)}
        skipped = dict(found.wrong)
        vectors: dict[Path, np.ndarray] = {}
        for path, reason in extraction.write(config, network, list(names), names, about):
            if reason:
                skipped[path] = reason
            else:
                _, embedding = feature_files.read(names[path], about["made_by"])
                vectors[path] = retrieval.vector(embedding)
    return {path: vectors[path] for path in found.videos if path in vectors}, skipped


def _hits(index: Index, queries: dict[Path, np.ndarray], top: int) -> list[tuple]:
    places, likeness = index.search(np.stack(list(queries.values())), top)
    rows = [
        (str(query), index.names[place], f"{value:.4f}")
        for query, found, values in zip(queries, places, likeness, strict=True)
        for place, value in zip(found, values, strict=True)
    ]
    _show(HIT_COLUMNS, rows)
    return rows


def _duplicates(index: Index, likeness: float) -> list[tuple]:
    groups = index.groups(likeness)
    rows = [
        (str(number), index.names[place])
        for number, members in enumerate(groups, 1)
        for place in members
    ]
    if rows:
        _show(GROUP_COLUMNS, rows)
    print(
        f"{len(rows)} of {len(index.names)} videos are in {len(groups)} groups of near "
        f"duplicates, of likeness {likeness:g} or more"
    )
    return rows


def _evaluate(index: Index) -> None:
    labels = np.array([Path(name).parent.as_posix() for name in index.names])
    if 1 < len(set(labels)) < len(labels):
        print("by folder, each video searched among the others:")
        for name, value in retrieval.evaluate(index.vectors, labels).items():
            print(f"{name:30} {value:.4f}" if isinstance(value, float) else f"{name:30} {value}")


def _show(columns: tuple[str, ...], rows: list[tuple]) -> None:
    table = Table()
    for column in columns:
        table.add_column(column, overflow="fold")
    before = None
    for first, *others in rows:
        table.add_row(Text("" if first == before else first), *map(Text, others))
        before = first
    wide_console().print(table)


def _write(output: str, columns: tuple[str, ...], rows: list[tuple]) -> None:
    if output:
        files.write_csv(Path(output), columns, rows)
        print(f"{len(rows)} rows are in {output}")
