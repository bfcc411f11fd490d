"""A table as Markdown and CSV: the paper's printed figures beside the measured ones."""

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jaxvid.ablation.tables import (
    ACCURACY,
    NAMES,
    PARAMETERS,
    PRECISION,
    RECALL,
    TIME,
    Row,
    Run,
    Table,
)
from jaxvid.runtime import files

MEASURED = (ACCURACY, PRECISION, RECALL, PARAMETERS, "seconds per clip")
MACRO = "Precision and recall: measured ones are macro means over the classes."
SECONDS = "Seconds per clip: the forward pass of a test clip in a batch, without decoding."
TEST_TIME = f"{SECONDS} The paper does not say what its test time covers."
ABSENT = "–"


@dataclass(frozen=True)
class Outcome:
    """What became of a run: what its results.json holds, or why it failed."""

    command: str
    results: dict[str, Any] = field(default_factory=dict)
    failure: str = ""


def write(
    folder: Path,
    table: Table,
    dataset: str,
    outcomes: Mapping[Run, Outcome],
    overrides: list[str],
) -> None:
    """Writes a table's two files. A run without outcome has not come to its end yet."""
    files.write_text(
        folder / f"{table.name}.md", markdown(table, dataset, outcomes, tuple(overrides))
    )
    files.write_text(folder / f"{table.name}.csv", comma_separated(table, dataset, outcomes))


def markdown(
    table: Table,
    dataset: str,
    outcomes: Mapping[Run, Outcome],
    overrides: tuple[str, ...] = (),
) -> str:
    """Returns a table as Markdown, with the remarks on it."""
    header, rows = _grid(table, dataset, outcomes)
    lines = [f"# {table.name}: {table.title}", "", f"**{measured_on(table, dataset)}**", ""]
    if overrides:
        lines += [f"Set on the command line for every run: `{' '.join(overrides)}`", ""]
    lines += [_line(header), "|" + " --- |" * len(header)]
    for *cells, command in rows:
        lines.append(_line([*cells, command and f"`{command}`"]))
    seconds = TEST_TIME if TIME in table.columns else SECONDS
    lines += ["", *(f"- {note}" for note in (*table.notes, MACRO, seconds))]
    return "\n".join(lines) + "\n"


def comma_separated(table: Table, dataset: str, outcomes: Mapping[Run, Outcome]) -> str:
    """Returns a table as CSV, the printed figures as the paper prints them."""
    header, rows = _grid(table, dataset, outcomes)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(["" if cell == ABSENT else cell for cell in row] for row in rows)
    return text.getvalue()


def measured_on(table: Table, dataset: str) -> str:
    """Returns the heading that says what the measured columns are worth."""
    if dataset in table.datasets:
        return f"measured on: {NAMES[dataset]} (the paper's dataset)"
    names = " and ".join(NAMES[name] for name in table.datasets)
    plural = "s" if len(table.datasets) > 1 else ""
    return (
        f"measured on: {NAMES.get(dataset, dataset)} (not the paper's dataset{plural} {names}: the "
        "two columns cannot be compared)"
    )


def _grid(
    table: Table, dataset: str, outcomes: Mapping[Run, Outcome]
) -> tuple[list[str], list[list[Any]]]:
    printed = [dataset] if dataset in table.datasets else list(table.datasets)
    unit = " (%)" if table.percent else ""
    units = {name: unit for name in (ACCURACY, PRECISION, RECALL)}
    header = [
        "row",
        *(
            f"paper on {NAMES[name]}: {column}{units.get(column, '')}"
            for name in printed
            for column in table.columns
        ),
        *(f"measured on {NAMES.get(dataset, dataset)}: {c}{units.get(c, '')}" for c in MEASURED),
        "test clips",
        "state",
        "command",
    ]
    rows = []
    for row in table.rows_on(dataset):
        figures = [
            row.printed.get(name, {}).get(column, ABSENT)
            for name in printed
            for column in table.columns
        ]
        rows.append([row.label, *figures, *_measured(row, outcomes, table.percent)])
    return header, rows


def _measured(row: Row, outcomes: Mapping[Run, Outcome], percent: bool) -> list[Any]:
    nothing = [ABSENT] * (len(MEASURED) + 1)
    if row.run is None:
        return [*nothing, "at the paper's scale only", ""]
    if row.run not in outcomes:
        return [*nothing, "not finished", ""]
    outcome = outcomes[row.run]
    if outcome.failure:
        return [*nothing, f"failed: {outcome.failure}", outcome.command]
    results = outcome.results
    cells: list[Any] = []
    for name in (ACCURACY, PRECISION, RECALL):
        value = results.get(name)
        shown = ABSENT if value is None else f"{100 * value:.2f}" if percent else f"{value:.4f}"
        cells.append(shown)
    seconds = results.get("seconds_per_clip")
    cells += [
        results.get("parameters", ABSENT),
        ABSENT if seconds is None else f"{seconds:.4g}",
        results.get("num_clips", ABSENT),
    ]
    return [*cells, "measured", outcome.command]


def _line(cells: list[Any]) -> str:
    shown = (f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in cells)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in shown) + " |"
