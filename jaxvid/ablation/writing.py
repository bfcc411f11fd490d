"""A table as Markdown and CSV: the paper's printed figures beside the measured ones."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jaxvid.ablation.tables import METRICS, NAMES, PARAMETERS, TIME, Row, Run, Table
from jaxvid.runtime import files

MEASURED = (*METRICS, PARAMETERS, "seconds per clip")
MACRO = "Precision and recall: measured ones are macro means over the classes."
SECONDS = "Seconds per clip: the forward pass of a test clip in a batch, without decoding."
TEST_TIME = f"{SECONDS} The paper does not say what its test time covers."
ABSENT = "–"

Outcomes = Mapping[Run, "Outcome"]


@dataclass(frozen=True)
class Outcome:
    """A finished run: the content of its results.json, or the reason of its failure."""

    command: str
    results: dict[str, Any] = field(default_factory=dict)
    failure: str = ""


def write(
    folder: Path, table: Table, dataset: str, outcomes: Outcomes, overrides: list[str]
) -> None:
    """Writes NAME.md and NAME.csv of a table. A run without outcome has not finished yet."""
    files.write_text(
        folder / f"{table.name}.md", markdown(table, dataset, outcomes, tuple(overrides))
    )
    header, rows = _cells(table, dataset, outcomes)
    blank = (["" if cell == ABSENT else cell for cell in row] for row in rows)
    files.write_csv(folder / f"{table.name}.csv", header, blank)


def markdown(
    table: Table, dataset: str, outcomes: Outcomes, overrides: tuple[str, ...] = ()
) -> str:
    """Returns a table as Markdown, with the remarks on it."""
    header, rows = _cells(table, dataset, outcomes)
    lines = [f"# {table.name}: {table.title}", "", f"**{measured_on(table, dataset)}**", ""]
    if overrides:
        lines += [f"Set on the command line for every run: `{' '.join(overrides)}`", ""]
    lines += [_line(header), "|" + " --- |" * len(header)]
    lines += [_line([*cells, command and f"`{command}`"]) for *cells, command in rows]
    seconds = TEST_TIME if TIME in table.columns else SECONDS
    lines += ["", *(f"- {note}" for note in (*table.notes, MACRO, seconds))]
    return "\n".join(lines) + "\n"


def measured_on(table: Table, dataset: str) -> str:
    """Returns the heading that states whether the measured columns can be compared."""
    if dataset in table.datasets:
        return f"measured on: {NAMES[dataset]} (the paper's dataset)"
    names = " and ".join(NAMES[name] for name in table.datasets)
    plural = "s" if len(table.datasets) > 1 else ""
    return (
        f"measured on: {NAMES.get(dataset, dataset)} (not the paper's dataset{plural} {names}: the "
        "two columns cannot be compared)"
    )


def _cells(table: Table, dataset: str, outcomes: Outcomes) -> tuple[list[str], list[list[Any]]]:
    """Returns the header and the rows, which end with the state and the command."""
    printed = [dataset] if dataset in table.datasets else list(table.datasets)
    sources = [(f"paper on {NAMES[name]}", table.columns) for name in printed]
    sources.append((f"measured on {NAMES.get(dataset, dataset)}", MEASURED))
    percent = {name: " (%)" if table.percent else "" for name in METRICS}
    header = ["row"]
    for source, columns in sources:
        header += [f"{source}: {column}{percent.get(column, '')}" for column in columns]
    rows = []
    for row in table.rows_on(dataset):
        absent = " ".join([ABSENT] * len(table.columns))
        figures = [f for name in printed for f in row.printed.get(name, absent).split()]
        rows.append([row.label, *figures, *_measured(row, outcomes, table.percent)])
    return [*header, "test clips", "state", "command"], rows


def _measured(row: Row, outcomes: Outcomes, percent: bool) -> list[Any]:
    nothing = [ABSENT] * (len(MEASURED) + 1)
    if row.run is None:
        return [*nothing, "at the paper's scale only", ""]
    if row.run not in outcomes:
        return [*nothing, "not finished", ""]
    outcome = outcomes[row.run]
    if outcome.failure:
        return [*nothing, f"failed: {outcome.failure}", outcome.command]
    results = outcome.results
    shown = {
        name: f"{100 * results[name]:.2f}" if percent else f"{results[name]:.4f}"
        for name in METRICS
        if results.get(name) is not None
    }
    if (seconds := results.get("seconds_per_clip")) is not None:
        shown["seconds per clip"] = f"{seconds:.4g}"
    cells = [shown.get(name, results.get(name, ABSENT)) for name in MEASURED]
    return [*cells, results.get("num_clips", ABSENT), "measured", outcome.command]


def _line(cells: list[Any]) -> str:
    shown = (f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in cells)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in shown) + " |"
