"""Published models by name: the run of one is made in the cache when it is first used."""

import os
from pathlib import Path

from jaxvid.config import files as config_files
from jaxvid.config.names import PUBLISHED
from jaxvid.runtime import files

FORMAT = 1  # of what `convert` makes of the weights


def folder_of(run: str | os.PathLike[str]) -> Path:
    """Returns the workdir of a run: its folder, or that of a published model of this name.

    A folder of the name takes precedence. Raises UserError where the weights cannot be had.
    """
    folder, name = Path(run).expanduser(), str(run)
    if name not in PUBLISHED or folder.is_dir():
        return folder
    # Here, because JAX takes a second to load, and most runs have no such name.
    from jaxvid.data.loading import cache_folder
    from jaxvid.experiment.conversion import convert

    config = config_files.load(f"{PUBLISHED[name]}:kinetics,init={name}")
    config.name = name
    made_of = files.fingerprint([FORMAT, config_files.to_json(config)])
    folder = cache_folder(config.data) / "models" / f"{name}-{made_of}"
    if not folder.is_dir():
        with files.locked(folder.parent / name, waits=True):
            if not folder.is_dir():
                convert(config, folder)
    return folder
