"""Configs as files: found, loaded, saved in a workdir, read back, compared."""

import importlib.util
import json
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from jaxvid.config.fields import default, flatten, get
from jaxvid.config.options import check_published
from jaxvid.errors import UserError, unknown

# Fields that may differ between the run that wrote a checkpoint and the one that continues it.
FREE_TO_CHANGE = (
    "data.root",
    "data.prefix",
    "data.cache",
    "data.workers",
    "data.part",
    "data.check_only",
    "data.threads",
    "data.prefetch",
    "eval",
    "windows",
    "checkpoint",
    "model.remat",
    "train.shards",
    "train.log_every",
    "train.profile_steps",
)

# Old names of fields in workdirs, config files and command lines of earlier versions.
RENAMED = {
    "data.streams": "data.modality",
    "data.shard": "data.part",
    "model.pictures": "model.image_norm",
}


def differences(old: ConfigDict, new: ConfigDict) -> dict[str, tuple[Any, Any]]:
    """Returns the fields that differ and may not: {dotted name: (old value, new value)}."""
    before, after = flatten(old), flatten(new)
    return {
        field: (before.get(field), after.get(field))
        for field in sorted(before.keys() | after.keys())
        if before.get(field) != after.get(field)
        and not any(field == free or field.startswith(f"{free}.") for free in FREE_TO_CHANGE)
    }


def to_json(config: ConfigDict) -> str:
    """Returns a config as JSON, for a workdir's config.json."""
    return json.dumps(config.to_dict(), indent=2) + "\n"


def read(path: Path) -> ConfigDict:
    """Reads a workdir's config.json: the defaults, changed by the file. Raises UserError."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path} does not exist: {path.parent} is not a run's workdir") from None
    except ValueError as error:
        raise UserError(f"{path} is not JSON: {error}") from None
    config = default()
    try:
        with config.unlocked():
            config.update(_tuples(values))
    except (AttributeError, TypeError, ValueError) as error:
        raise UserError(f"{path} is not a config: {error}") from None
    return _known(config, path)


def _known(config: ConfigDict, path: Path) -> ConfigDict:
    """Returns a locked config without old names of fields. Raises UserError for unknown fields."""
    flat = flatten(config)
    for old in RENAMED.keys() & flat.keys():
        section, _, name = old.rpartition(".")
        get(config, section)[RENAMED[old].rpartition(".")[2]] = flat[old]
        del get(config, section)[name]
    unknown = flatten(config).keys() - flatten(default()).keys()
    if unknown:
        raise UserError(f"{path}: unknown fields {', '.join(sorted(unknown))}")
    return config.lock()


def _tuples(value: Any) -> Any:
    # JSON has no tuples, and configs have no lists.
    if isinstance(value, dict):
        return {key: _tuples(item) for key, item in value.items()}
    return tuple(value) if isinstance(value, list) else value


def load(name: str) -> ConfigDict:
    """Returns the config of `PATH[:ARGUMENT]` or `NAME[:ARGUMENT]`. Raises UserError."""
    name, _, argument = name.partition(":")
    path = find(name)
    spec = importlib.util.spec_from_file_location(f"jaxvid_config_{path.stem}", path)
    assert spec and spec.loader  # any .py file has one
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if not hasattr(module, "get_config"):
        raise UserError(f"config file {path} has no function get_config")
    config = _known(module.get_config(argument), path)
    check_published(argument, config)
    return config


def find(name: str) -> Path:
    """Returns the file of a config: a path, or the name of one of `names`. Raises UserError."""
    path = Path(name)
    if path.suffix != ".py":
        if name not in names():
            raise unknown("config", name, names())
        return _folder() / f"{name}.py"
    if not path.is_file():
        hint = f"; did you mean --config={path.stem}?" if path.stem in names() else ""
        raise UserError(f"config file {path} does not exist{hint}")
    return path


def names() -> list[str]:
    """Returns the names of the configs that come with jaxvid."""
    return sorted(path.stem for path in _folder().glob("*.py"))


def _folder() -> Path:
    package = Path(__file__).parents[1]  # the wheel has the configs inside, a checkout beside it
    return next(f for f in (package / "configs", package.parent / "configs") if f.is_dir())
