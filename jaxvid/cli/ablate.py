"""Trains the rows of the papers' tables one after the other and writes each table as it fills.

    python launch/ablate.py A1 A3 --dataset=embedded --output=runs/ablations
    python launch/ablate.py B2 --dataset=ucf101 --root=/data/UCF101 --config.train.epochs=2
    python launch/ablate.py --list

Each row is a run of `python -m jaxvid.main` in a workdir of its own, OUTPUT/ROW; what it prints
goes to OUTPUT/ROW.log. Tables share the rows that they have in common. OUTPUT/A1.md and A1.csv hold
the paper's figures beside the measured ones. A row that fails is named there with its reason, and
the others go on. Ctrl-C and SIGTERM let the run at work save and leave; the same command skips what
is finished and continues the rest.

Exit status: 0 all rows are measured, 1 a row failed, 2 wrong input, 128 + n stopped by signal n.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from jaxvid.ablation.child import Child
from jaxvid.ablation.rows import PROGRAM, Ablation
from jaxvid.ablation.tables import TABLES, Table
from jaxvid.cli.parser import Parser
from jaxvid.errors import UserError, one_line
from jaxvid.runtime import files

PREFIX = "--config."


def main(argv: Sequence[str], program: Sequence[str] = PROGRAM) -> int:
    """Runs the command line; returns the exit status. `program` stands in for the main program."""
    try:
        arguments, overrides = _parse(list(argv))
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
            status = ablation.run(child, lambda text: print(text, end="", flush=True))
        print("tables:", *(output / f"{table.name}.md" for table in tables))
    except (UserError, OSError) as error:
        print(one_line(error), file=sys.stderr)
        return 2
    if child.received:
        print("stopped; the same command continues", file=sys.stderr)
    return status


def _parse(argv: list[str]) -> tuple[argparse.Namespace, list[str]]:
    parser = Parser(
        prog="ablate.py",
        usage="python launch/ablate.py TABLE [TABLE ...] [flags]",
        description=__doc__,
    )
    parser.add_argument("tables", nargs="*", metavar="TABLE", help=f"one of {', '.join(TABLES)}")
    parser.add_argument(
        "--dataset",
        default="embedded",
        metavar="NAME",
        help="what stands behind the configs' colon: embedded (the default), ucf101, ...; "
        "with options for every row: ucf101,split=2",
    )
    parser.add_argument("--root", default="", metavar="DIR", help="the dataset's folder")
    parser.add_argument(
        "--output",
        default="",
        metavar="DIR",
        help="folder of the tables and the runs; by default runs/ablations-NAME",
    )
    parser.add_argument("--list", action="store_true", help="show the tables and their rows")
    parser.add_argument(
        "--config.FIELD=VALUE",
        dest="shown_only",
        metavar="",
        help="sets a field of jaxvid/config/fields.py in every row",
    )
    ours = [argument for argument in argv if not argument.startswith(PREFIX)]
    overrides = [argument for argument in argv if argument.startswith(PREFIX)]
    for override in overrides:
        if "=" not in override:
            raise UserError(f"{override}: {override}=VALUE is wanted, in one word")
    arguments = parser.parse_intermixed_args(ours)
    if arguments.root:
        overrides.insert(0, f"{PREFIX}data.root={arguments.root}")
    return arguments, overrides


def _tables(names: list[str], all_if_none: bool) -> list[Table]:
    known = ", ".join(TABLES)
    for name in names:
        if name not in TABLES:
            raise UserError(f"unknown table '{name}': one or more of {known}; --list shows them")
    if not names and not all_if_none:
        raise UserError(f"which tables? One or more of {known}; --list shows them")
    return [TABLES[name] for name in dict.fromkeys(names or TABLES)]


def _listed(ablation: Ablation, table: Table) -> str:
    lines = [f"{table.name}  {table.title}"]
    for row in table.rows_on(ablation.dataset_name):
        made = "at the paper's scale only"
        if row.run and row.run.fused:
            made = "fuses " + " and ".join(
                part.argument(ablation.dataset) for part in row.run.fused
            )
        elif row.run:
            fixed = (f"{PREFIX}{override}" for override in row.run.overrides)
            made = " ".join((row.run.argument(ablation.dataset), *fixed))
        lines.append(f"    {row.label:<28}  {made}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
