"""The last checkpoint of a workdir: a run of jaxvid as the start of another.

The rule: a variable is taken where its place and its shape agree, in parts (backbone, encoder,
pooling) that are of the same kind in both configs. The classifier is taken whole and for the same
classes in the same order, or not at all.
"""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from flax.traverse_util import flatten_dict
from ml_collections import ConfigDict

from jaxvid.config import files as config_files
from jaxvid.errors import UserError
from jaxvid.pretrained.loaded import Loaded, Names
from jaxvid.skeletons import SKELETONS
from jaxvid.workdir import checkpoints
from jaxvid.workdir import layout as workdirs

logger = logging.getLogger(__name__)

# Fields of `model` that change what the same backbone computes from the same variables.
OF_THE_COMPUTATION = ("kernel_order", "temporal_stride", "image_norm", "padding", "partition")


def check(path: Path, config: ConfigDict) -> None:
    """Raises UserError where a folder holds no run that a config's model can start from."""
    if not path.is_dir():
        raise UserError(f"config.init.path={path} is a file, must be the workdir of a run")
    there = config_files.read(path / workdirs.CONFIG)
    if there.model.system == "sift":
        raise UserError(f"{path} holds a run of the system sift, must be a network's")
    if there.data.modality != config.data.modality:
        raise UserError(
            f"the network in {path} reads {there.data.modality}, and config.data.modality="
            f"{config.data.modality} gives another modality"
        )
    kinds = [_kinds(c)["backbone"] for c in (there, config)]
    if kinds[0] != kinds[1]:
        raise UserError(
            f"the network in {path} has the backbone {kinds[0]}, and config.model has {kinds[1]}: "
            "nothing can be taken"
        )
    joints = [SKELETONS[c.model.skeleton].joints for c in (there, config)]
    if config.model.backbone == "st_gcn" and joints[0] != joints[1]:
        raise UserError(
            f"the network in {path} reads the joints of {there.model.skeleton}, and "
            f"config.model.skeleton={config.model.skeleton} has others"
        )
    if not checkpoints.steps(path / "checkpoints"):
        raise UserError(f"{path} has no checkpoint: train there first")


def read(path: Path, shapes: Any, config: ConfigDict, class_names: Names) -> Loaded:
    """Reads the last checkpoint in the workdir `path` into a model of these `shapes`.

    `class_names` None: they are taken to be the run's. Raises UserError as `check` does, and where
    nothing of the backbone fits.
    """
    check(path, config)
    there = config_files.read(path / workdirs.CONFIG)
    step, tree = checkpoints.restore_any(path / "checkpoints", "variables")
    found, ours = flatten_dict(tree, sep="/"), flatten_dict(shapes, sep="/")
    others = _other_kinds(there, config) | _other_classes(path, class_names)
    head = [name for name in ours if _part(name) == "classifier" and name in found]
    if any(found[name].shape != ours[name].shape for name in head):
        others.setdefault("classifier", "the embedding that it reads has another width")

    def missing(name: str, owner: str, variables: Mapping[str, Any]) -> str:
        part = _part(name)
        if part not in map(_part, variables):
            return f"{owner} has no {part}"
        return others.get(part, f"{owner}'s {part} has no such variable")

    initial = {}
    for name, leaf in ours.items():
        if name not in found:
            initial[name] = missing(name, "the run", found)
        elif _part(name) in others:
            initial[name] = others[_part(name)]
        elif found[name].shape != leaf.shape:
            initial[name] = f"another shape: {found[name].shape} there, {leaf.shape} here"
    tensors = {
        name: initial.get(name, name) if name in ours else missing(name, "the model", ours)
        for name in found
    }
    values = {name: found[name].astype(np.float32) for name in ours if name not in initial}
    backbone = [name for name in ours if _part(name) == "backbone"]
    taken = sum(name in values for name in backbone)
    if not taken:
        first = f"{backbone[0]}: {initial[backbone[0]]}"
        raise UserError(f"nothing of the backbone in {path} fits this model ({first})")
    if taken < len(backbone):
        logger.warning(
            "only %d of %d variables of the backbone in %s fit", taken, len(backbone), path
        )
    notes = [f"the checkpoint of step {step}"]
    notes += [
        f"config.model.{field}: {there.model[field]} there, {config.model[field]} here: the same "
        "variables compute something else"
        for field in OF_THE_COMPUTATION
        if there.model[field] != config.model[field]
    ]
    graphs = there.model.skeleton, config.model.skeleton
    if config.model.backbone == "st_gcn" and graphs[0] != graphs[1]:
        notes.append(
            f"config.model.skeleton: {graphs[0]} there, {graphs[1]} here: the same joints with "
            "other edges, whose weights were not trained"
        )
    return Loaded(values, tensors, initial, tuple(notes))


def _part(name: str) -> str:
    return name.split("/")[1]


def _kinds(config: ConfigDict) -> dict[str, str]:
    model = config.model
    backbone = model.backbone
    if backbone == "two_stream":
        backbone += f" of {model.rgb_backbone} and {model.flow_backbone}"
    return {"backbone": backbone, "encoder": model.encoder, "pooling": model.pooling}


def _other_kinds(there: ConfigDict, here: ConfigDict) -> dict[str, str]:
    kinds, ours = _kinds(there), _kinds(here)
    return {
        part: f"another {part}: {kinds[part]} there, {ours[part]} here"
        for part in ours
        if kinds[part] != ours[part]
    }


def _other_classes(path: Path, class_names: tuple[str, ...] | None) -> dict[str, str]:
    names = workdirs.class_names(path)
    if class_names is None or names == class_names:
        return {}
    if len(names) != len(class_names):
        reason = f"another number of classes: {len(names)} there, {len(class_names)} here"
        return {"classifier": reason}
    return {"classifier": "other classes, or another order of them"}
