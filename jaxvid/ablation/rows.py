"""The runs that fill some tables: their commands, their checks, and their outcomes."""

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from absl import flags
from ml_collections import ConfigDict, config_flags

from jaxvid import config as configs
from jaxvid.ablation import writing
from jaxvid.ablation.child import Child
from jaxvid.ablation.tables import Run, Table
from jaxvid.ablation.writing import Outcome
from jaxvid.config import checks as config_checks
from jaxvid.config import files as config_files
from jaxvid.errors import UserError
from jaxvid.runtime import files
from jaxvid.workdir import layout as workdirs

PREFIX = "--config."
PROGRAM = (sys.executable, "-m", "jaxvid.main")
RESULTS = "results.json"
# Beside the results.json of a finished run: an evaluation of half a run has none.
RECORD = "ablation.json"


class Ablation:
    """The runs of some tables on a dataset, in a folder.

    `dataset` follows the configs' colon, `overrides` are `--config.FIELD=VALUE` for every run, and
    `program` starts the command line. `labels`: of each run the rows that show it, once each, in
    the order of the rows, a run after those whose scores it averages. `outcomes`: by run.
    """

    def __init__(
        self,
        tables: list[Table],
        dataset: str,
        output: Path,
        overrides: list[str],
        program: Sequence[str] = PROGRAM,
    ):
        self.tables, self.dataset, self.output = tables, dataset, output
        self.dataset_name = dataset.partition(",")[0]
        self.overrides, self.program = overrides, program
        self.outcomes: dict[Run, Outcome] = {}
        self.labels: dict[Run, list[str]] = {}
        for table in tables:
            for row in table.rows_on(self.dataset_name):
                if row.run is None:
                    continue
                for part in row.run.fused:
                    self.labels.setdefault(part, [])
                self.labels.setdefault(row.run, []).append(f"{table.name} {row.label}")

    def arguments(self, run: Run) -> list[str]:
        """Returns the main program's arguments for a run."""
        workdir = f"--workdir={self.output / run.slug}"
        if run.fused:
            return ["--mode=fuse", workdir, *(str(self.output / part.slug) for part in run.fused)]
        return [f"--config={run.argument(self.dataset)}", workdir, *_fixed(run), *self.overrides]

    def command(self, run: Run) -> str:
        """Returns a run's command as a user would type it."""
        return shlex.join(["python", "-m", "jaxvid.main", *self.arguments(run)])

    def check(self) -> None:
        """Raises UserError, before anything runs, for what would spoil all rows or older ones."""
        configs.for_dataset(self.dataset)
        given = {_field(override) for override in self.overrides}
        if "data.dataset" in given:
            raise UserError("--config.data.dataset: the flag is --dataset=NAME here")
        for run in self.labels:
            for name in sorted(given & run.fields):
                raise UserError(f"--config.{name}: this is what the tables' rows differ by")
            workdir, config = self.output / run.slug, self.config(run)
            if config is None or not (workdir / workdirs.CONFIG).is_file():
                continue
            stored = config_files.read(workdir / workdirs.CONFIG)
            if changes := config_files.differences(stored, config):
                shown = (
                    f"{name}: {old!r} there, {new!r} now" for name, (old, new) in changes.items()
                )
                raise UserError(
                    f"{workdir} holds a run of another config ({'; '.join(shown)}); choose another "
                    "--output"
                )

    def config(self, run: Run) -> ConfigDict | None:
        """Returns a run's config, or None if it has none: the main program will report why.

        Raises UserError if the overrides cannot be applied to it.
        """
        if run.fused:
            return None
        try:
            config = _overridden(config_files.load(run.argument(self.dataset)), _fixed(run))
        except UserError:
            return None
        return _overridden(config, self.overrides)

    def results_folder(self, run: Run) -> Path:
        """Returns the folder of a run's results: its workdir or, within it, an evaluation's."""
        workdir, config = self.output / run.slug, self.config(run)
        if config is None or not (workdir / workdirs.CONFIG).is_file():
            return workdir
        return workdirs.evaluation_folder(workdir, config)

    def finished(self, run: Run) -> Outcome | None:
        """Returns the outcome of a run that an earlier command finished, or None."""
        folder = self.results_folder(run)
        results = folder / RESULTS
        if not (results.is_file() and (folder / RECORD).is_file()):
            return None
        for part in run.fused:
            source = self.results_folder(part) / RESULTS
            if not source.is_file() or source.stat().st_mtime > results.stat().st_mtime:
                return None
        return Outcome(files.read_json(folder / RECORD)["command"], files.read_json(results))

    def complete(self, run: Run, child: Child) -> Outcome | None:
        """Runs the command of a run. Returns its outcome, or None if a signal stopped it."""
        command = self.command(run)
        for part in run.fused:
            if self.outcomes[part].failure:
                return Outcome(command, failure=f"{part.slug}, which it requires, failed")
            if self.results_folder(part) != self.output / part.slug:
                reason = (
                    "was evaluated under other settings than its run's, whose scores fuse reads"
                )
                return Outcome(command, failure=f"{part.slug} {reason}; choose another --output")
        arguments = [*self.program, *self.arguments(run)]
        status, last_line = child.run(arguments, self.output / f"{run.slug}.log")
        if status and child.received:
            return None
        if status:
            reason = last_line.removeprefix("error: ")[:300] or "no message"
            how = f"killed by signal {-status}" if status < 0 else f"exit status {status}"
            return Outcome(command, failure=f"{reason} ({how})")
        folder = self.results_folder(run)
        if not (folder / RESULTS).is_file():
            reason = f"there is no {folder / RESULTS} after it (exit status 0)"
            return Outcome(command, failure=reason)
        files.write_json(folder / RECORD, {"command": command})
        return Outcome(command, files.read_json(folder / RESULTS))

    def write(self) -> None:
        """Writes the tables with the outcomes so far."""
        for table in self.tables:
            writing.write(self.output, table, self.dataset_name, self.outcomes, self.overrides)


def _fixed(run: Run) -> list[str]:
    return [f"{PREFIX}{override}" for override in run.overrides]


def _field(override: str) -> str:
    name = override.removeprefix(PREFIX).partition("=")[0]
    return config_files.RENAMED.get(name, name)


def _overridden(config: ConfigDict, overrides: list[str]) -> ConfigDict:
    known = configs.flatten(config)
    argv = ["ablate"]
    for override in overrides:
        if _field(override) not in known:
            raise UserError(f"there is no field config.{_field(override)}; see `jaxvid fields`")
        argv.append(f"{PREFIX}{_field(override)}={override.partition('=')[2]}")
    values = flags.FlagValues()
    config_flags.DEFINE_config_dict("config", config, flag_values=values, sys_argv=argv)
    try:
        values(argv)
    except flags.Error as error:
        raise UserError(str(error)) from None
    config_checks.check(values.config)
    return values.config
