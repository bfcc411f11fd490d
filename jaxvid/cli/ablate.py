"""Trains the rows of the papers' tables one after the other and writes each table as it fills.

    jaxvid ablate A1 A3 --dataset=embedded --output=runs/ablations
    jaxvid ablate B2 --dataset=ucf101 --root=/data/UCF101 --config.train.epochs=2
    jaxvid ablate --list

In a checkout, `python launch/ablate.py` is the same. Each row is a run of `python -m jaxvid.main`
in a workdir of its own, OUTPUT/ROW, with its output in OUTPUT/ROW.log. Tables share the rows that
they have in common. OUTPUT/A1.md and A1.csv hold the paper's figures beside the measured ones. A
row that fails is named there with the reason, and the others continue. Ctrl-C and SIGTERM let the
current run save and exit; the same command skips finished rows and continues the rest.

Exit status: 0 all rows are measured, 1 a row failed, 2 invalid input, 128 + n stopped by signal n.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from jaxvid.ablation.child import Child
from jaxvid.ablation.rows import PREFIX, PROGRAM, Ablation
from jaxvid.ablation.tables import TABLES, Row, Table
from jaxvid.ablation.writing import Outcome
from jaxvid.cli.parser import Parser
from jaxvid.errors import UserError, one_line, unknown
from jaxvid.runtime import files


def main(argv: Sequence[str], program: Sequence[str] = PROGRAM) -> int:
    """Runs the command line; returns the exit status. `program` replaces the main program."""
    try:
        arguments, overrides = _parse(argv)
        tables = _tables(arguments.tables, arguments.list)
        output = Path(arguments.output or f"runs/ablations-{arguments.dataset}").expanduser()
        ablation = Ablation(tables, arguments.dataset, output, overrides, program)
        if arguments.list:
            print("\n\n".join(_listed(ablation, table) for table in tables))
            return 0
        ablation.check()
        child = Child()
        output.mkdir(parents=True, exist_ok=True)
        with files.locked(output, waits=False):
            _run(ablation, child)
        print("tables:", *(output / f"{table.name}.md" for table in tables))
    except (UserError, OSError) as error:
        print(one_line(error), file=sys.stderr)
        return UserError.status
    if child.received:
        print("stopped; the same command continues", file=sys.stderr)
        return 128 + child.received
    return int(any(outcome.failure for outcome in ablation.outcomes.values()))


def _run(ablation: Ablation, child: Child) -> None:
    """Completes what is not finished, and writes the tables after every row."""
    outcomes = ablation.outcomes
    outcomes.update({run: done for run in ablation.labels if (done := ablation.finished(run))})
    for number, (run, labels) in enumerate(ablation.labels.items(), 1):
        if child.received:
            return
        rows = f" ({', '.join(labels)})" if labels else ""
        print(f"[{number}/{len(ablation.labels)}] {run.slug}{rows}", end="", flush=True)
        outcome = ablation.finished(run)
        if outcome:
            print(f": finished before, {_shown(outcome)}", flush=True)
        else:
            print(f" from {time.strftime('%H:%M:%S')}: ", end="", flush=True)
            outcomes.pop(run, None)
            start = time.monotonic()
            outcome = ablation.complete(run, child)
            minutes, seconds = divmod(round(time.monotonic() - start), 60)
            duration = f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
            print(f"{_shown(outcome) if outcome else 'stopped'}, {duration}", flush=True)
        if outcome:
            outcomes[run] = outcome
        ablation.write()


def _parse(argv: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    parser = Parser("jaxvid ablate", "jaxvid ablate TABLE [TABLE ...] [flags]", __doc__)
    add = parser.add_argument
    add("tables", nargs="*", metavar="TABLE", help=f"one of {', '.join(TABLES)}")
    dataset = "after the configs' colon: embedded (the default) or, with options, ucf101,split=2"
    add("--dataset", default="embedded", metavar="NAME", help=dataset)
    add("--root", default="", metavar="DIR", help="the dataset's folder")
    output = "folder of the tables and the runs; by default runs/ablations-NAME"
    add("--output", default="", metavar="DIR", help=output)
    add("--list", action="store_true", help="show the tables and their rows")
    shown = "sets a field of `jaxvid fields` in every row"
    add("--config.FIELD=VALUE", dest="only_for_the_help", metavar="", help=shown)
    overrides = [argument for argument in argv if argument.startswith(PREFIX)]
    for override in overrides:
        if "=" not in override:
            raise UserError(f"{override}: must be {override}=VALUE, in one word")
    arguments = parser.parse_intermixed_args([a for a in argv if a not in overrides])
    if arguments.root:
        overrides.insert(0, f"{PREFIX}data.root={arguments.root}")
    return arguments, overrides


def _tables(names: list[str], all_if_none: bool) -> list[Table]:
    for name in names:
        if name not in TABLES:
            raise unknown("table", name, TABLES)
    if not names and not all_if_none:
        raise UserError(f"name one or more tables of {', '.join(TABLES)}; --list shows them")
    return [TABLES[name] for name in dict.fromkeys(names or TABLES)]


def _listed(ablation: Ablation, table: Table) -> str:
    def made(row: Row) -> str:
        if row.run is None:
            return "at the paper's scale only"
        if row.run.fused:
            return "fuses " + " and ".join(r.argument(ablation.dataset) for r in row.run.fused)
        fixed = (f"{PREFIX}{override}" for override in row.run.overrides)
        return " ".join((row.run.argument(ablation.dataset), *fixed))

    rows = table.rows_on(ablation.dataset_name)
    return "\n".join(
        (f"{table.name}  {table.title}", *(f"    {row.label:<28}  {made(row)}" for row in rows))
    )


def _shown(outcome: Outcome) -> str:
    if outcome.failure:
        return f"failed: {outcome.failure}"
    accuracy, clips = outcome.results.get("accuracy"), outcome.results.get("num_clips", 0)
    return f"accuracy {accuracy:.4f} on {clips:,} clips" if accuracy is not None else "no accuracy"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
