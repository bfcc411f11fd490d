"""Mode prepare: the videos of a dataset are decoded into records, or checked, and reported on."""

from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from jaxvid.cli.command import Command, part_of
from jaxvid.config import checks as config_checks
from jaxvid.data import loading
from jaxvid.data.datasets import Dataset
from jaxvid.data.modalities import Modality
from jaxvid.data.prepare import preparation as preparing
from jaxvid.data.prepare import report
from jaxvid.errors import UserError
from jaxvid.runtime import files
from jaxvid.runtime.signals import Signals


def run(command: Command, signals: Signals) -> int:
    """Prepares the modalities of a config's dataset, or its part of them, and prints the report.

    With `check_only` it decodes the videos and writes nothing. `output`: a new .json file for
    the report, {modality: report}, or .txt file, or "" for none. Raises UserError where no video
    decodes: the report names those that do not.
    """
    config, output = part_of(command), command.options["output"]
    data = config.data
    files.check_new(output, (".json", ".txt"))
    if data.check_only and data.part:
        raise UserError("config.data.check_only=true checks all videos: config.data.part is given")
    dataset = loading.load(data, config.seed, config.model.skeleton)
    modalities = loading.modalities(dataset, data)
    if data.check_only:
        # The others are made from the same files.
        reports = [preparing.check(dataset, modalities[0], data.workers)]
    else:
        reports = [_prepare(dataset, modality, data) for modality in modalities]
    if not all(reports):
        return 0
    print("\n".join(report.lines(reports[0])))
    if data.check_only:
        print("nothing was written")
    if output:
        if output.lower().endswith(".json"):
            files.write_json(Path(output), {each["stream"]: each for each in reports})
        else:
            files.write_text(Path(output), "\n".join(map(report.text, reports)))
        print(f"the report is in {output}")
    return 0


def _prepare(dataset: Dataset, modality: Modality, data: ConfigDict) -> dict[str, Any]:
    """Prepares a modality, or a part of it; returns the report, empty while parts are missing."""
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
            return {}
    else:
        folder = preparing.prepare(dataset, modality, cache, data.workers, retry=True)
    summary = files.read_json(folder / report.JSON)
    print(f"{modality.name} of {summary['decoded']} videos is prepared in {folder}")
    return dict(summary)
