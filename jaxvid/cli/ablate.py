"""Trains the rows of the papers' tables one after the other and writes each table as it fills.

    jaxvid ablate A1 A3 --dataset=embedded --output=runs/ablations
    jaxvid ablate B2 --dataset=ucf101 --root=/data/UCF101 --config.train.epochs=2
    jaxvid ablate --list

In a checkout, `python launch/ablate.py` is the same. Each row is a run of `python -m jaxvid.main`
in a workdir of its own, OUTPUT/ROW, with its output in OUTPUT/ROW.log. Tables share the rows that
they have in common. OUTPUT/A1.md and A1.csv hold the paper's figures beside the measured ones. A
row that fails is named there with the reason, and the others continue. Ctrl-C and SIGTERM let the
current run save and exit; the same command skips finished rows and continues the rest.

--dataset=NAME: embedded or, with the options of a config, ucf101,split=2. --root=DIR: the folder of
the dataset. --output=DIR: the folder of the tables and the runs, by default runs/ablations-NAME.
--list: show the tables and their rows. --config.FIELD=VALUE: set a field, which `jaxvid fields`
lists, in every row.

Exit status: 0 all rows are measured, 1 a row failed, 2 invalid input, 128 + n stopped by signal n.
"""

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from absl.flags import DEFINE_bool, DEFINE_string, FlagValues

from jaxvid.ablation.child import Child
from jaxvid.ablation.rows import PREFIX, PROGRAM, Ablation
from jaxvid.ablation.tables import TABLES, Row, Table
from jaxvid.ablation.writing import Outcome
from jaxvid.cli import flags
from jaxvid.errors import UserError, one_line, unknown
from jaxvid.runtime import files

FLAGS: flags.Table = {
    "dataset": (DEFINE_string, "embedded"),
    "root": (DEFINE_string, ""),
    "output": (DEFINE_string, ""),
    "list": (DEFINE_bool, False),
    "help": flags.FLAGS["help"],
}


def main(argv: Sequence[str], program: Sequence[str] = PROGRAM) -> int:
    """Runs the command line; returns the exit status. `program` replaces the main program."""
    try:
        values, names, overrides = _parse(argv)
        tables = _tables(names, values.list)
        output = Path(values.output or f"runs/ablations-{values.dataset}").expanduser()
        ablation = Ablation(tables, values.dataset, output, overrides, program)
        if values.list:
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


def _parse(argv: Sequence[str]) -> tuple[FlagValues, list[str], list[str]]:
    """Returns the flags, the names of the tables, and the fields that are set in every row."""
    values, tables, given = flags.read(argv, FLAGS)
    if values.help:
        print(f"{__doc__.strip()}\n\nTables: {', '.join(TABLES)}")
        raise SystemExit(0)
    overrides = [f"{PREFIX}{field}={text}" for field, texts in given.items() for text in texts]
    if values.root:
        overrides.insert(0, f"{PREFIX}data.root={values.root}")
    return values, tables, overrides


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
