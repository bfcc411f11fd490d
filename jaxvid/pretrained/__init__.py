"""Published weights: the sources, and how a model starts from one of them.

A source is a module of this package with the function `read(path, shapes, config, class_names) ->
Loaded`: `shapes` is the tree of the model's variables ({"params": ..., "batch_stats": ...}) as
shapes and types, `class_names` those of the model, None where they are not known. It raises
UserError where the file is damaged or does not fit the model, and accounts for every tensor and
every variable.
"""

import importlib
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from jaxvid.errors import UserError
from jaxvid.pretrained.loaded import Loaded
from jaxvid.runtime import files

ACCOUNT = "init.json"
_I3D = ("i3d", "li3d", "two_stream")

# The backbones that each can fill; empty: any.
SOURCES: Mapping[str, tuple[str, ...]] = {
    "googlenet": ("inception2d", *_I3D),
    "vgg16": ("vgg16", "conv_fusion", "two_stream"),
    "i3d_pytorch": _I3D,
    "i3d_tensorflow": _I3D,
    "kinetics400": _I3D,
    "c3d": ("c3d",),
    "st_gcn": ("st_gcn",),
    "workdir": (),
}

logger = logging.getLogger(__name__)


def load(source: str, path: str | Path, module: Any, variables: Any) -> Any:
    """Returns a module's variables, with a source's weights in the place of those that it has.

    `module`: a recogniser or a bare backbone of `jaxvid.models`; `variables`: those of its `init`.
    What the weights lack, such as a classifier for other classes, stays as it is and is logged.
    Raises UserError for an unknown source, for a backbone that the source does not have, and for a
    file that does not fit.
    """
    from jaxvid.pretrained.of_module import describe_module

    if source not in SOURCES:
        raise UserError(f"unknown source '{source}' of weights: one of {', '.join(SOURCES)}")
    is_bare = not hasattr(module, "backbone")
    whole = {k: {"backbone": tree} for k, tree in variables.items()} if is_bare else variables
    config = describe_module(module, whole)
    config.init.source, config.init.path = source, str(path)
    loaded = load_for(config, whole, None)
    for note in (*loaded.notes, *loaded.training_notes):
        logger.warning("%s", note)
    for name, reason in loaded.initial.items():
        logger.info("%s stays as it is: %s", name, reason)
    filled = fill(whole, loaded)
    return {k: tree["backbone"] for k, tree in filled.items()} if is_bare else filled


def load_for(config: ConfigDict, shapes: Any, class_names: tuple[str, ...] | None = None) -> Loaded:
    """Reads what a config's source has for a model of these variables and classes.

    Raises UserError.
    """
    from flax.traverse_util import flatten_dict

    check(config)
    source = importlib.import_module(f"jaxvid.pretrained.{config.init.source}")
    file = file_of(config)
    loaded = source.read(file, shapes, config, class_names)
    accounted = loaded.values.keys() | loaded.initial.keys()
    if left := sorted(flatten_dict(shapes, sep="/").keys() ^ accounted):
        raise UserError(f"{file} and the model differ, unexplained: {', '.join(left)}")
    return loaded


def check(config: ConfigDict) -> None:
    """Checks that a config's source can fill its model and that its files exist.

    Raises UserError. Reads no file.
    """
    init, model = config.init, config.model
    if not init.source:
        if config.train.freeze_backbone_epochs:
            logger.warning(
                "config.train.freeze_backbone_epochs=%s: the frozen backbone is random without "
                "config.init.source",
                config.train.freeze_backbone_epochs,
            )
        return
    if model.system == "sift":
        raise UserError(f"config.init.source={init.source}: the system sift has no such weights")
    known, two = SOURCES[init.source], ("rgb_backbone", "flow_backbone")
    for field in ("backbone", *(two if model.backbone == "two_stream" else ())):
        if known and model[field] not in known:
            raise UserError(
                f"config.init.source={init.source} has weights for {', '.join(known)}, not for "
                f"config.model.{field}={model[field]}"
            )
    file_of(config)
    if init.flow_path:
        if model.backbone != "two_stream" or not init.source.startswith("i3d_"):
            raise UserError("config.init.flow_path is for the I3D of a two_stream backbone")
        _file(init.flow_path)


def fill(variables: Any, loaded: Loaded) -> Any:
    """Returns a model's variables with the values of a source in the place of initial ones."""
    from flax.traverse_util import flatten_dict, unflatten_dict

    flat = flatten_dict(variables, keep_empty_nodes=True, sep="/")
    return unflatten_dict(flat | loaded.values, sep="/")


def describe(loaded: Loaded, config: ConfigDict) -> str:
    """Returns in a few lines which of a model's variables a source fills, and which it does not."""
    filled, left = len(loaded.values), len(loaded.initial)
    lines = [f"weights  {filled} of {filled + left} variables from {file_of(config)}"]
    reasons: dict[str, list[str]] = {}
    for name, reason in loaded.initial.items():
        reasons.setdefault(reason, []).append(name.partition("/")[2])
    for reason, names in reasons.items():
        more = f" and {len(names) - 2} more" if len(names) > 2 else ""
        lines.append(f"         initial: {', '.join(names[:2])}{more} ({reason})")
    return "\n".join([*lines, *(f"         note: {note}" for note in loaded.notes)])


def warn_of_training(loaded: Loaded) -> None:
    """Logs which of a source's weights a run that trains from them does not keep."""
    for note in loaded.training_notes:
        logger.warning("%s", note)


def write_account(loaded: Loaded, config: ConfigDict, workdir: Path) -> None:
    """Writes which tensor went where, and which variables keep their initial values."""
    about = {"source": config.init.source, "path": str(file_of(config))}
    files.write_json(workdir / ACCOUNT, about | loaded.account())


def file_of(config: ConfigDict) -> Path:
    """Returns the file that a config's `init` names, or that a package holds. Raises UserError."""
    if not config.init.path:
        source = importlib.import_module(f"jaxvid.pretrained.{config.init.source}")
        path: Path = source.default_file()
        return path
    return _file(config.init.path)


def _file(path: str) -> Path:
    file = Path(path).expanduser()
    # A TensorFlow checkpoint is named by what its files' names begin with.
    if not file.exists() and not file.with_name(f"{file.name}.index").exists():
        raise UserError(f"config.init.path={path} does not exist")
    return file
