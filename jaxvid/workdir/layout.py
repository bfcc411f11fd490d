"""A workdir belongs to one config and one set of clips: the same command continues its run."""

import csv
import os
import time
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from jaxvid.config import files as config_files
from jaxvid.config.fields import flatten
from jaxvid.data.datasets import Dataset, Video
from jaxvid.errors import UserError
from jaxvid.runtime import distributed, files

CONFIG = "config.json"
DATASET = "dataset.json"
SPLIT = "split.csv"
EPOCHS = "train.epochs"  # the one field that a run's continuation may change
# What a model was made for: its parts, and what it reads.
OF_THE_MODEL = ("model.", "sift.", "data.modality", "data.people", "data.flow.stack")
SECONDS_TO_APPEAR = 60.0  # on a network file system, which may keep what a folder held
SPLIT_COLUMNS = ("clip", "label", "split", "group")


def check(workdir: Path, config: ConfigDict) -> None:
    """Checks that a folder can be the workdir of a config: a new one, or one of the same config.

    The number of epochs may be another one: the run then goes on to that. Raises UserError where
    another config was trained there, naming the fields that differ, and where nothing can be
    written there.
    """
    check_writable(workdir)
    if (workdir / CONFIG).is_file():
        changes = config_files.differences(config_files.read(workdir / CONFIG), config)
        changes.pop(EPOCHS, None)
        if changes:
            raise UserError(
                f"{workdir} holds a run of another config ({_listed(changes)}); "
                "choose another --workdir"
            )
    elif (workdir / "checkpoints").is_dir():
        raise UserError(f"{workdir} has checkpoints but no {CONFIG}; choose another --workdir")


def check_writable(workdir: Path) -> None:
    """Raises UserError where a workdir, or the folder it is to be made in, takes no files."""
    files.check_parents(workdir / CONFIG, f"--workdir={workdir}")
    nearest = next(path for path in (workdir, *workdir.absolute().parents) if path.exists())
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise UserError(
            f"--workdir={workdir}: nothing can be written to {nearest}; make it writable, or "
            "choose another --workdir"
        )


def claim(workdir: Path, config: ConfigDict, dataset: Dataset, clips: list[Video]) -> None:
    """Makes a folder the workdir of a config and the clips of a dataset that it trains on.

    Its split.csv has the split of every clip of the dataset, also of those that do not decode.
    Where a run there has another number of epochs, its config.json gets that of `config`. Raises
    UserError where a run there began with other clips: no batch would be what it was.
    """
    about = _about(dataset.class_names, clips, len(dataset.split("val")))
    if (workdir / DATASET).is_file():
        before = files.read_json(workdir / DATASET)
        if before != about:
            raise UserError(
                f"the training clips have changed since the run in {workdir} began "
                f"({before.get('training_clips')} then, {len(clips)} now); choose another --workdir"
            )
    else:
        files.write_json(workdir / DATASET, about)
    names = dataset.class_names
    rows = [
        (files.utf8(c.id), names[c.label], c.split, files.utf8(c.group)) for c in dataset.videos
    ]
    if not (workdir / SPLIT).is_file():
        files.write_csv(workdir / SPLIT, SPLIT_COLUMNS, rows)
    elif _sides(workdir) != {row[0]: row[2] for row in rows}:
        raise UserError(
            f"the dataset's clips or their split have changed since the run in {workdir} began; "
            f"--mode=eval --workdir={workdir} scores its model on them, or choose another --workdir"
        )
    keep_config(workdir, config)


def keep_config(workdir: Path, config: ConfigDict) -> None:
    """Writes a config to a workdir; only the number of epochs where there is one already."""
    if not (workdir / CONFIG).is_file():
        files.write_text(workdir / CONFIG, config_files.to_json(_anywhere(config)))
        return
    stored = config_files.read(workdir / CONFIG)
    if stored.train.epochs != config.train.epochs:
        stored.train.epochs = config.train.epochs
        files.write_text(workdir / CONFIG, config_files.to_json(stored))


def check_shared(workdir: Path) -> None:
    """Checks that all processes of a run have the same folder. Raises UserError."""
    if distributed.count() == 1:
        return
    name = distributed.from_primary(lambda: files.temporary_name(workdir / "shared").name)
    token = workdir / name
    if distributed.is_primary():
        token.touch()
    distributed.wait_for_all()
    deadline = time.monotonic() + SECONDS_TO_APPEAR
    while not token.is_file():
        if time.monotonic() > deadline:
            raise UserError(
                f"{workdir} is not the folder that process 0 has under this name: --workdir must "
                "be on a disk that all processes share"
            )
        time.sleep(0.1)
    distributed.wait_for_all()
    if distributed.is_primary():
        token.unlink()


def _anywhere(config: ConfigDict) -> ConfigDict:
    """Returns a config whose dataset and cache are found from any current folder."""
    config = config.copy_and_resolve_references()
    for field in ("root", "cache"):
        if config.data[field]:
            config.data[field] = str(Path(config.data[field]).expanduser().absolute())
    return config


def found(workdir: Path, config: ConfigDict, class_names: tuple[str, ...]) -> None:
    """Makes a folder the workdir of a model that was trained on no clip of a dataset here."""
    files.write_json(workdir / DATASET, _about(class_names, []))
    files.write_csv(workdir / SPLIT, SPLIT_COLUMNS, [])
    files.write_text(workdir / CONFIG, config_files.to_json(config))


def class_names(workdir: Path) -> tuple[str, ...]:
    """Returns the class names of a workdir's model. Raises UserError."""
    path = workdir / DATASET
    if not path.is_file():
        raise UserError(f"{path} does not exist: nothing was trained in {workdir}")
    about = files.read_json(path)
    names = about.get("class_names") if isinstance(about, dict) else None
    if not isinstance(names, list) or not names or not all(isinstance(n, str) for n in names):
        raise UserError(f"{path} is damaged: class_names must be a list of names")
    return tuple(names)


def check_evaluated(workdir: Path, dataset: Dataset, clips: list[Video], split: str) -> None:
    """Checks that a workdir's model can be scored on the clips of a split of a dataset.

    Raises UserError where its classes are others than the model's, or where test or validation
    clips were trained on. Test clips may be those on which the best checkpoint was chosen.
    """
    names = class_names(workdir)
    if dataset.class_names != names:
        raise UserError(
            f"{dataset.name} has the classes {_shortened(dataset.class_names)}, and the model in "
            f"{workdir} has {_shortened(names)}: they must be the same in the same order"
        )
    sides = _sides(workdir)
    trained = [clip.id for clip in clips if sides.get(clip.id) == "train"]
    if split != "train" and trained:
        raise UserError(
            f"the run in {workdir} was trained on {len(trained)} of these {len(clips)} {split} "
            f"clips, {trained[0]} among them: it must be scored on its own split"
        )


def evaluation_folder(workdir: Path, config: ConfigDict, clips: list[Video] | None = None) -> Path:
    """Returns where an evaluation's results go: the workdir, or a folder for what differs from it.

    An evaluation under other settings than the run's own, or of other `clips` than its split's,
    never replaces the run's results. Raises UserError where the model is not the run's.
    """
    old, new = (flatten(c) for c in (config_files.read(workdir / CONFIG), config))
    changed = {field: (old.get(field), new[field]) for field in new if new[field] != old.get(field)}
    models = {f: values for f, values in changed.items() if f.startswith(OF_THE_MODEL)}
    if models:
        raise UserError(f"the model in {workdir} is another one ({_listed(models)})")
    settings: dict[str, Any] = {
        field: value
        for field, (_, value) in changed.items()
        if field.startswith(("data.", "eval.", "train.dtype"))
        and field not in (*config_files.FREE_TO_CHANGE, "eval.batch_size")
    }
    if clips is not None:
        sides, ids = _sides(workdir), {clip.id for clip in clips}
        if not all(sides.get(clip) == config.eval.split for clip in ids):
            settings["clips"] = files.fingerprint(sorted(ids))[:8]
    if not settings:
        return workdir
    name = ",".join(f"{field.removeprefix('eval.')}={value}" for field, value in settings.items())
    return workdir / "evaluations" / name.replace("/", "-")[:200]


def _about(class_names: tuple[str, ...], clips: list[Video], validation: int = 0) -> dict[str, Any]:
    about = {
        "class_names": list(class_names),
        "training_clips": len(clips),
        "fingerprint": files.fingerprint([(clip.id, clip.label) for clip in clips]),
    }
    # Not where there are none: runs of earlier versions go on.
    return about | ({"validation_clips": validation} if validation else {})


def _sides(workdir: Path) -> dict[str, str]:
    """Returns on which side of the run's split each clip stood, by id."""
    with (workdir / SPLIT).open(newline="", encoding="utf-8") as file:
        return {row["clip"]: row["split"] for row in csv.DictReader(file)}


def _shortened(names: tuple[str, ...]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _listed(changes: dict[str, tuple]) -> str:
    return "; ".join(
        f"{field}: {old!r} there, {new!r} now" for field, (old, new) in changes.items()
    )
