"""A workdir belongs to one config: the folder of a run, which the same command continues."""

from pathlib import Path

from ml_collections import ConfigDict

from jaxvid import config as configs
from jaxvid import files
from jaxvid.errors import UserError

CONFIG = "config.json"


def check(workdir: Path, config: ConfigDict) -> None:
    """Sees whether a folder can be the workdir of a config: a new one, or one of the same config.

    Raises UserError where another config was trained there, naming the fields that differ.
    """
    path = workdir / CONFIG
    if path.is_file():
        changes = configs.differences(configs.read(path), config)
        if changes:
            listed = "; ".join(
                f"{field}: {old!r} there, {new!r} now" for field, (old, new) in changes.items()
            )
            raise UserError(
                f"{workdir} holds a run of another config ({listed}); choose another --workdir"
            )
    elif (workdir / "checkpoints").is_dir():
        raise UserError(f"{workdir} has checkpoints but no {CONFIG}; choose another --workdir")


def claim(workdir: Path, config: ConfigDict) -> None:
    """Makes a folder the workdir of a config."""
    files.write_text(workdir / CONFIG, configs.to_json(config))


def evaluation_folder(workdir: Path, config: ConfigDict) -> Path:
    """Returns where an evaluation's results go: the workdir, or a folder for what differs from it.

    An evaluation under other settings than the run's own never replaces the run's results.
    """
    saved = configs.flatten(configs.read(workdir / CONFIG))
    changed = {
        field: value
        for field, value in configs.flatten(config).items()
        if saved.get(field) != value
        and field.startswith(("data.", "eval."))
        and field not in configs.FREE_TO_CHANGE
        and field != "eval.batch_size"
    }
    if not changed:
        return workdir
    name = ",".join(f"{field.removeprefix('eval.')}={value}" for field, value in changed.items())
    return workdir / "evaluations" / name.replace("/", "-")[:200]
