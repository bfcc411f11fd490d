"""Mode prepare: a dataset's videos are decoded into records, or checked, and reported on."""

from pathlib import Path

from ml_collections import ConfigDict

from jaxvid.config import checks as config_checks
from jaxvid.data import loading
from jaxvid.data.datasets import Dataset
from jaxvid.data.modalities import Stream
from jaxvid.data.prepare import preparation as preparing
from jaxvid.data.prepare import report
from jaxvid.errors import UserError
from jaxvid.runtime import files

SUFFIXES = (".json", ".txt")


def run(config: ConfigDict, output: str) -> None:
    """Prepares the streams that a config's `data` names, or its part of them, and shows the report.

    With `check_only` it decodes the videos and writes nothing. `output`: a new .json file for
    the report, {stream: report}, or .txt file, or "" for none. Raises UserError where no video
    decodes: some that do not are no error, the report names them.
    """
    data = config.data
    file = Path(output) if output else None
    if file and file.suffix.lower() not in SUFFIXES:
        raise UserError(f"--output={file}: a name that ends in {' or '.join(SUFFIXES)} is wanted")
    if file and file.exists():
        raise UserError(f"--output={file} exists already; choose another name, or delete it")
    if data.check_only and data.shard:
        raise UserError("config.data.check_only=true: parts, config.data.shard, are of preparing")
    dataset = loading.load(data, config.seed)
    streams = loading.streams(dataset, data)
    if data.check_only:
        # The others are made from the same files.
        reports = [preparing.check(dataset, streams[0], data.workers)]
    else:
        reports = [_prepare(dataset, stream, data) for stream in streams]
    if None in reports:
        return
    print("\n".join(report.lines(reports[0])))
    if data.check_only:
        print("nothing was written")
    if file:
        _write(reports, file)


def _prepare(dataset: Dataset, stream: Stream, data: ConfigDict) -> dict | None:
    """Prepares a stream, or a part of it; returns the report, None while parts are missing."""
    cache = loading.records_folder(data)
    if data.shard:
        part = config_checks.part(data.shard)
        folder, waiting = preparing.prepare_part(
            dataset, stream, cache, part, data.workers, retry=True
        )
        if waiting:
            print(
                f"part {data.shard} of {stream.name} is prepared in {folder.parent}; "
                f"{waiting} videos wait for the other parts"
            )
            return None
    else:
        folder = preparing.prepare(dataset, stream, cache, data.workers, retry=True)
    summary = files.read_json(folder / report.JSON)
    print(f"{stream.name} of {summary['decoded']} videos is prepared in {folder}")
    return summary


def _write(reports: list[dict], file: Path) -> None:
    if file.suffix.lower() == ".json":
        files.write_json(file, {each["stream"]: each for each in reports})
    else:
        files.write_text(file, "\n".join(map(report.text, reports)))
    print(f"the report is in {file}")
