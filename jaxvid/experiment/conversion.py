"""Makes a workdir from published weights, ready to predict, evaluate and extract features."""

import itertools
import logging
import re
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

# A class's number before its name, or after it; between them a space, or another sign and spaces.
NUMBERED = tuple(
    re.compile(form.replace(" ", r"(?:[ \t]*[\t,:;][ \t]*| +)"))
    for form in (r"(?P<number>\d{1,6}) (?P<name>\S.*)", r"(?P<name>.*\S) (?P<number>\d{1,6})")
)

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

    Lines may hold the class's number from 0 or 1, too, before or after the name: then the names are
    in the order of the numbers. Raises UserError where there is no such file, where it holds no
    name, and, with the line, where numbers are missing or repeat.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise UserError(f"--class_names={path}: {error.strerror}") from None
    except ValueError:
        raise UserError(f"--class_names={path} is not a text file in UTF-8") from None
    at = {number: line.strip() for number, line in enumerate(lines, 1) if line.strip()}
    if not at:
        raise UserError(f"--class_names={path} holds no name")
    names = _by_number(at, path) or list(at.values())
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


def _by_number(lines: dict[int, str], path: Path) -> list[str]:
    """Returns the names of lines that hold a number of each class, in their order; else none.

    `lines`: by their place in the file. Raises UserError for one that does not fit.
    """
    for pattern in NUMBERED:
        found = {at: match for at, line in lines.items() if (match := pattern.fullmatch(line))}
        name_of = {int(match["number"]): match["name"] for match in found.values()}
        first = min(name_of, default=-1)
        whole = first in (0, 1) and sorted(name_of) == list(range(first, first + len(found)))
        others = [at for at in lines if at not in found]
        if whole and not others and len(set(name_of.values())) == len(lines):
            return [name_of[number] for number in sorted(name_of)]
        # Names may begin or end with numbers, too: not all of them, with one that counts from 1.
        numbers = [int(match["number"]) for match in found.values()]
        odd = [at for i, at in enumerate(found) if numbers[i] in numbers[:i]]
        odd += [at for at, n in zip(found, numbers, strict=True) if n >= first + len(found)]
        names = set(name_of.values())
        if whole and others == [min(lines)] and len(names) == len(found) > 1:  # a header
            raise _unfit(path, others[0], lines)
        if pattern is NUMBERED[0] and not others and first in (0, 1) and odd:
            raise _unfit(path, min(odd), lines)
    for at, line in lines.items():
        if "\t" in line:
            raise _unfit(path, at, lines)
    return []


def _unfit(path: Path, at: int, lines: dict[int, str]) -> UserError:
    return UserError(
        f"--class_names={path}, line {at}: {lines[at]!r} must be a name alone, or every line a "
        "name and the number of its class, each number once, counted from 0 or 1"
    )
