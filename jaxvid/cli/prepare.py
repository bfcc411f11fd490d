"""Mode prepare: a dataset's videos are decoded into records, or checked, and reported on."""

from pathlib import Path

from ml_collections import ConfigDict

from jaxvid.config import checks as config_checks
from jaxvid.data import loading
from jaxvid.data.datasets import Dataset
from jaxvid.data.modalities import Modality
from jaxvid.data.prepare import preparation as preparing
from jaxvid.data.prepare import report
from jaxvid.errors import UserError
from jaxvid.runtime import files

SUFFIXES = (".json", ".txt")


def run(config: ConfigDict, output: str) -> None:
    """Prepares the modalities of a config's dataset, or its part of them, and shows the report.

    With `check_only` it decodes the videos and writes nothing. `output`: a new .json file for
    the report, {modality: report}, or .txt file, or "" for none. Raises UserError where no video
    decodes: some that do not are no error, the report names them.
    """
    data = config.data
    file = Path(output) if output else None
    if file and file.suffix.lower() not in SUFFIXES:
        raise UserError(f"--output={file}: a name that ends in {' or '.join(SUFFIXES)} is wanted")
    if file and file.exists():
        raise UserError(f"--output={file} exists already; choose another name, or delete it")
    if data.check_only and data.part:
        raise UserError("config.data.check_only=true: parts, config.data.part, are of preparing")
    dataset = loading.load(data, config.seed)
    modalities = loading.modalities(dataset, data)
    if data.check_only:
        # The others are made from the same files.
        reports = [preparing.check(dataset, modalities[0], data.workers)]
    else:
        reports = [_prepare(dataset, modality, data) for modality in modalities]
    if None in reports:
        return
    print("\n".join(report.lines(reports[0])))
    if data.check_only:
        print("nothing was written")
    if file:
        _write(reports, file)


def _prepare(dataset: Dataset, modality: Modality, data: ConfigDict) -> dict | None:
    """Prepares a modality, or a part of it; returns the report, None while parts are missing."""
    cache = loading.records_folder(data)
    if data.part:
        part = config_checks.part(data.part)
        folder, waiting = preparing.prepare_part(
            dataset, modality, cache, part, data.workers, retry=True
        )
        if waiting:
            print(
                f"part {data.part} of {modality.name} is prepared in {folder.parent}; "
                f"{waiting} videos wait for the other parts"
            )
            return None
    else:
        folder = preparing.prepare(dataset, modality, cache, data.workers, retry=True)
    summary = files.read_json(folder / report.JSON)
    print(f"{modality.name} of {summary['decoded']} videos is prepared in {folder}")
    return summary


def _write(reports: list[dict], file: Path) -> None:
    if file.suffix.lower() == ".json":
        files.write_json(file, {each["stream"]: each for each in reports})
    else:
        files.write_text(file, "\n".join(map(report.text, reports)))
    print(f"the report is in {file}")
