"""Published weights: the sources, and how a model starts from one of them.

A source is a module of this package with the function `read(path, shapes, config) -> Loaded`:
`path` is `config.init.path`, `shapes` the tree of the model's variables ({"params": ...,
"batch_stats": ...}) as shapes and types. It raises UserError where the file is damaged or does not
fit the model, and leaves no tensor and no variable unexplained. Here each is one line. A source may
also be told the names of the model's classes, and have a function `check(path, config)`, which says
what it can before any video is decoded.
"""

import importlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from ml_collections import ConfigDict

from jaxvid.errors import UserError
from jaxvid.pretrained.loaded import Loaded
from jaxvid.runtime import files

ACCOUNT = "init.json"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Source:
    """A module of this package, by its name in SOURCES, and the backbones it can fill.

    `backbones` empty: any. `takes_config` False: its `read` has the first two arguments alone;
    `takes_classes`: a further one, the names of the classes. `checks`: it has the function `check`.
    """

    backbones: tuple[str, ...] = ()
    takes_config: bool = True
    takes_classes: bool = False
    checks: bool = False


_I3D = ("i3d", "li3d", "two_stream")

SOURCES: Mapping[str, Source] = {
    "googlenet": Source(("inception2d", *_I3D)),
    "vgg16": Source(("vgg16", "conv_fusion", "two_stream")),
    "i3d_pytorch": Source(_I3D),
    "i3d_tensorflow": Source(_I3D),
    "c3d": Source(("c3d",)),
    "st_gcn": Source(("st_gcn",)),
    "workdir": Source(takes_classes=True, checks=True),
}


def check(config: ConfigDict) -> None:
    """Sees whether a config's source can fill its model and whether its files are there.

    Raises UserError. Cheap: before any video is decoded.
    """
    init, model = config.init, config.model
    if not init.source:
        if config.train.freeze_backbone_epochs:
            logger.warning(
                "config.train.freeze_backbone_epochs=%s: the frozen backbone is random; "
                "config.init.source says what to start from",
                config.train.freeze_backbone_epochs,
            )
        return
    if model.system == "sift":
        raise UserError(f"config.init.source={init.source}: the system sift has no such weights")
    source = SOURCES[init.source]
    known = source.backbones
    fields = ["backbone"]
    if model.backbone == "two_stream":
        fields += ["rgb_backbone", "flow_backbone"]
    for field in fields:
        if known and model[field] not in known:
            raise UserError(
                f"config.init.source={init.source} has weights for {', '.join(known)}, not for "
                f"config.model.{field}={model[field]}"
            )
    path = _file(init.path)
    if source.checks:
        _module(init.source).check(path, config)
    if init.flow_path:
        if model.backbone != "two_stream" or not init.source.startswith("i3d_"):
            raise UserError("config.init.flow_path is for the I3D of a two_stream backbone")
        _file(init.flow_path)


def load(config: ConfigDict, shapes: Any, class_names: tuple[str, ...] = ()) -> Loaded:
    """Reads what a config's source has for a model of these variables and classes.

    Raises UserError.
    """
    from flax.traverse_util import flatten_dict

    check(config)
    source = SOURCES[config.init.source]
    arguments = [config] if source.takes_config else []
    arguments += [class_names] if source.takes_classes else []
    loaded = _module(config.init.source).read(_file(config.init.path), shapes, *arguments)
    wanted = flatten_dict(shapes, sep="/")
    explained = loaded.values.keys() | loaded.initial.keys()
    if left := sorted(wanted.keys() ^ explained):
        raise UserError(f"{config.init.path} and the model differ, unexplained: {', '.join(left)}")
    for name, value in loaded.values.items():
        if value.shape != wanted[name].shape:
            raise UserError(
                f"{config.init.path}: {value.shape} for {name}, which is {wanted[name].shape}"
            )
    return loaded


def fill(variables: Any, loaded: Loaded) -> Any:
    """Returns a model's variables with the values of a source in the place of initial ones."""
    from flax.traverse_util import flatten_dict, unflatten_dict

    flat = flatten_dict(variables, keep_empty_nodes=True, sep="/")
    return unflatten_dict(flat | loaded.values, sep="/")


def describe(loaded: Loaded, config: ConfigDict) -> str:
    """Returns in a few lines what of a model comes from a source, and what does not."""
    filled, left = len(loaded.values), len(loaded.initial)
    lines = [f"weights  {filled} of {filled + left} variables from {config.init.path}"]
    reasons: dict[str, list[str]] = {}
    for name, reason in loaded.initial.items():
        reasons.setdefault(reason, []).append(name.partition("/")[2])
    for reason, names in reasons.items():
        more = f" and {len(names) - 2} more" if len(names) > 2 else ""
        lines.append(f"         initial: {', '.join(names[:2])}{more} ({reason})")
    return "\n".join([*lines, *(f"         note: {note}" for note in loaded.notes)])


def warn_of_training(loaded: Loaded) -> None:
    """Logs what of a source's weights a run that trains from them does not keep."""
    for note in loaded.training_notes:
        logger.warning("%s", note)


def write_account(loaded: Loaded, config: ConfigDict, workdir: Path) -> None:
    """Writes which tensor went where, and which variables keep their initial values."""
    about = {"source": config.init.source, "path": config.init.path}
    files.write_json(workdir / ACCOUNT, about | loaded.account())


def _module(source: str) -> ModuleType:
    return importlib.import_module(f"jaxvid.pretrained.{source}")


def _file(path: str) -> Path:
    file = Path(path).expanduser()
    # A TensorFlow checkpoint is named by what its files' names begin with.
    if not file.exists() and not file.with_name(f"{file.name}.index").exists():
        raise UserError(f"config.init.path={path} does not exist")
    return file
