"""The runs that fill some tables: their commands, what is finished, and one after the other."""

import shlex
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from absl import flags
from ml_collections import ConfigDict, config_flags

from jaxvid import config as configs
from jaxvid.ablation import writing as table_files
from jaxvid.ablation.child import Child
from jaxvid.ablation.tables import Run, Table
from jaxvid.ablation.writing import Outcome
from jaxvid.config import checks as config_checks
from jaxvid.config import files as config_files
from jaxvid.errors import UserError
from jaxvid.runtime import files
from jaxvid.workdir import layout as workdirs

PROGRAM = (sys.executable, "-m", "jaxvid.main")
RESULTS = "results.json"
# Beside the results.json of a row that came to its end: an evaluation of half a run leaves none.
RECORD = "ablation.json"


class Ablation:
    """The runs of some tables on a dataset, in a folder.

    `dataset` is what follows a config's colon, `overrides` are `--config.FIELD=VALUE` for every
    run, `program` is the command line's beginning.
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
                for run in (*row.run.fused, row.run) if row.run else ():
                    self.labels.setdefault(run, [])
                if row.run:
                    self.labels[row.run].append(f"{table.name} {row.label}")

    @property
    def runs(self) -> list[Run]:
        """The runs in the order of the rows, each once, after those whose scores it averages."""
        return list(self.labels)

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
        given = {
            override.removeprefix("--config.").partition("=")[0] for override in self.overrides
        }
        if "data.dataset" in given:
            raise UserError("--config.data.dataset: the flag is --dataset=NAME here")
        for run in self.runs:
            for name in sorted(given & run.fields):
                raise UserError(f"--config.{name}: this is what the tables' rows differ by")
            workdir, config = self.output / run.slug, self.config(run)
            if config is None or not (workdir / workdirs.CONFIG).is_file():
                continue
            stored = config_files.read(workdir / workdirs.CONFIG)
            changes = config_files.differences(stored, config)
            if changes:
                listed = (
                    f"{name}: {old!r} there, {new!r} now" for name, (old, new) in changes.items()
                )
                raise UserError(
                    f"{workdir} holds a run of another config ({'; '.join(listed)}); choose "
                    "another --output"
                )

    def config(self, run: Run) -> ConfigDict | None:
        """Returns a run's config, or None where there is none: the main program will say why.

        Raises UserError where the overrides cannot be applied to it.
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
        """Returns the outcome of a run that an earlier command finished, None where none did."""
        folder = self.results_folder(run)
        results = folder / RESULTS
        if not (results.is_file() and (folder / RECORD).is_file()):
            return None
        for part in run.fused:
            source = self.results_folder(part) / RESULTS
            if not source.is_file() or source.stat().st_mtime > results.stat().st_mtime:
                return None
        return Outcome(files.read_json(folder / RECORD)["command"], files.read_json(results))

    def run(self, child: Child, say: Callable[[str], None]) -> int:
        """Runs what is not finished and writes the tables after every row.

        Returns 0, or 1 where a row failed, or 128 + n where signal n stopped it.
        """
        done = {run: self.finished(run) for run in self.runs}
        self.outcomes = {run: outcome for run, outcome in done.items() if outcome}
        for number, run in enumerate(self.runs, 1):
            if child.received:
                break
            names = ", ".join(self.labels[run])
            say(f"[{number}/{len(self.runs)}] {run.slug}" + (f" ({names})" if names else ""))
            outcome = self.finished(run)
            if outcome:
                say(f": finished before, {_shown(outcome)}\n")
            else:
                say(f" from {time.strftime('%H:%M:%S')}: ")
                self.outcomes.pop(run, None)
                start = time.monotonic()
                outcome = self._complete(run, child)
                shown = _shown(outcome) if outcome else "stopped"
                say(f"{shown}, {_duration(time.monotonic() - start)}\n")
            if outcome:
                self.outcomes[run] = outcome
            self.write()
        if child.received:
            return 128 + child.received
        return int(any(outcome.failure for outcome in self.outcomes.values()))

    def _complete(self, run: Run, child: Child) -> Outcome | None:
        # None: a signal stopped it.
        command = self.command(run)
        for part in run.fused:
            if self.outcomes[part].failure:
                return Outcome(command, failure=f"{part.slug}, which it needs, failed")
            if self.results_folder(part) != self.output / part.slug:
                reason = (
                    "was evaluated under other settings than its run's, whose scores fuse reads"
                )
                return Outcome(command, failure=f"{part.slug} {reason}; choose another --output")
        arguments = self.arguments(run)
        status, last = child.run([*self.program, *arguments], self.output / f"{run.slug}.log")
        if status and child.received:
            return None
        if status:
            reason = last.removeprefix("error: ")[:300]
            how = f"killed by signal {-status}" if status < 0 else f"exit status {status}"
            return Outcome(command, failure=f"{reason or 'nothing said'} ({how})")
        folder = self.results_folder(run)
        if not (folder / RESULTS).is_file():
            return Outcome(
                command, failure=f"there is no {folder / RESULTS} after it (exit status 0)"
            )
        files.write_json(folder / RECORD, {"command": command})
        return Outcome(command, files.read_json(folder / RESULTS))

    def write(self) -> None:
        """Writes the tables as far as they are known."""
        for table in self.tables:
            table_files.write(self.output, table, self.dataset_name, self.outcomes, self.overrides)


def _fixed(run: Run) -> list[str]:
    return [f"--config.{override}" for override in run.overrides]


def _overridden(config: ConfigDict, overrides: list[str]) -> ConfigDict:
    known = configs.flatten(config)
    for override in overrides:
        name = override.removeprefix("--config.").partition("=")[0]
        if name not in known:
            raise UserError(f"there is no field config.{name}; jaxvid/config/fields.py lists them")
    values, argv = flags.FlagValues(), ["ablate", *overrides]
    config_flags.DEFINE_config_dict("config", config, flag_values=values, sys_argv=argv)
    try:
        values(argv)
    except flags.Error as error:
        raise UserError(str(error)) from None
    config_checks.check(values.config)
    return values.config


def _shown(outcome: Outcome) -> str:
    if outcome.failure:
        return f"failed: {outcome.failure}"
    accuracy, clips = outcome.results.get("accuracy"), outcome.results.get("num_clips", 0)
    return f"accuracy {accuracy:.4f} on {clips:,} clips" if accuracy is not None else "no accuracy"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
