"""Makes a workdir from published weights, ready to predict, evaluate and extract features."""

import itertools
import logging
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jax
from flax.traverse_util import unflatten_dict
from ml_collections import ConfigDict

from jaxvid import pretrained
from jaxvid.errors import UserError
from jaxvid.experiment.network import Network, open_network
from jaxvid.pretrained import kinetics400
from jaxvid.pretrained.loaded import Loaded
from jaxvid.runtime import files
from jaxvid.workdir import checkpoints
from jaxvid.workdir import layout as workdirs

logger = logging.getLogger(__name__)


def convert(config: ConfigDict, folder: Path, class_names: str = "") -> Loaded:
    """Writes the model that a config's `init` names to the new workdir `folder`, as its step 0.

    `class_names`: a text file with one class name per line, in the order of the weights; those of
    the source kinetics400 are known. Raises UserError where the weights do not fill the whole
    model, and where `folder` exists.
    """
    if not config.init.source:
        raise UserError("--mode=convert needs config.init.source and config.init.path")
    is_known = config.init.source == "kinetics400"
    if not class_names and not is_known:
        raise UserError("--mode=convert needs --class_names=FILE, one class name per line")
    if folder.exists():
        raise UserError(f"{folder} exists already; choose another --workdir")
    pretrained.check(config)
    names = read_classes(Path(class_names)) if class_names else kinetics400.class_names()
    network = open_network(config, len(names))
    loaded = pretrained.load_for(config, network.shapes, names)
    if loaded.initial:
        reasons = "; ".join(dict.fromkeys(loaded.initial.values()))
        raise UserError(
            f"{pretrained.file_of(config)} does not fill the whole model: "
            f"{len(loaded.initial)} variables would stay random ({reasons})"
        )
    variables = {"batch_stats": {}} | unflatten_dict(loaded.values, sep="/")
    with new_run(folder, network, variables, names) as half:
        pretrained.write_account(loaded, config, half)
    return loaded


@contextmanager
def new_run(
    folder: Path, network: Network, variables: Any, class_names: tuple[str, ...]
) -> Iterator[Path]:
    """Makes `folder` the workdir of a network with these variables, which were trained elsewhere.

    For the context the files are in another folder, which it gets. Raises UserError where `folder`
    exists then.
    """
    config = network.config
    folder.parent.mkdir(parents=True, exist_ok=True)
    # It gets its own name only when it is complete.
    half = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}")
    try:
        half.mkdir()
        writer = checkpoints.Writer(half / "checkpoints", config.checkpoint.keep)
        writer.save(0, {"variables": jax.device_put(variables, network.devices.replicated)})
        writer.close()
        workdirs.found(half, config, class_names)
        yield half
        with files.locked(folder, waits=False):
            if folder.exists():
                raise UserError(f"{folder} exists already; choose another one")
            half.rename(folder)
    finally:
        shutil.rmtree(half, ignore_errors=True)


def read_classes(path: Path) -> tuple[str, ...]:
    """Reads class names, one per line. A repeated name is numbered: "crane (2)".

    Raises UserError where there is no such file, and where it holds no name.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise UserError(f"--class_names={path}: {error.strerror}") from None
    except ValueError:
        raise UserError(f"--class_names={path} is not a text file in UTF-8") from None
    names = [line.strip() for line in lines if line.strip()]
    if not names:
        raise UserError(f"--class_names={path} holds no name")
    given, unique = set(names), []
    if len(given) == len(names):
        return tuple(names)
    for name in names:
        numbered_names = (f"{name} ({number})" for number in itertools.count(2))
        free = (other for other in numbered_names if other not in given and other not in unique)
        unique.append(next(free) if name in unique else name)
    numbered = [new for name, new in zip(names, unique, strict=True) if name != new]
    more = f" and {len(numbered) - 3} more" if len(numbered) > 3 else ""
    logger.warning(
        "--class_names=%s repeats names, which are now %s%s: each class must have its own",
        path,
        ", ".join(numbered[:3]),
        more,
    )
    return tuple(unique)
