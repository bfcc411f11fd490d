"""What the values of a config must be, before anything is read or computed.

Values that depend on the dataset or the network are checked where these are opened.
"""

import math
import operator
from collections.abc import Callable, Iterable
from typing import Any

from ml_collections import ConfigDict

from jaxvid.config.fields import flatten, get
from jaxvid.config.names import DATASETS, NORMS, SOURCES
from jaxvid.errors import UserError
from jaxvid.skeletons import SKELETONS

Rule = tuple[Callable[[Any], bool], str]  # whether a value is valid, and "must be ..."


def _one_of(values: Iterable[str]) -> Rule:
    names = tuple(values)
    shown = ", ".join(name or "(empty)" for name in names)
    return lambda value: value in names, f"one of {shown}"


def _at_least(least: float) -> Rule:
    return lambda value: value >= least, f"at least {least}"


def _is_range(limits: tuple[Any, ...]) -> bool:
    whole = len(limits) == 2 and all(isinstance(limit, int) for limit in limits)
    return whole and 1 <= limits[0] <= limits[1]


RECURRENT = ("lstm", "bilstm", "gru")  # encoders that may be as wide as what they read
OF_JOINTS = ("skeleton_input", "view_normalised", "rotation")
LARGEST_SEED = 2**32 - 1  # that scikit-learn takes
_POSITIVE: Rule = lambda value: value > 0, "more than 0"
_SHARE: Rule = lambda value: 0 <= value < 1, "at least 0 and below 1"

# By the names of fields, which share a rule if they share a line.
RULES: dict[str, Rule] = {
    "data.dataset": _one_of(DATASETS),
    "data.embedded.level": _one_of(("easy", "hard")),
    "data.modality": _one_of(("rgb", "flow", "rgb+flow", "skeleton")),
    "data.division": _one_of(("own", "groups", "videos")),
    "data.sampling": _one_of(("consecutive", "interval", "resampled")),
    "data.skeleton_input": _one_of(("joint", "bone", "joint_motion", "bone_motion")),
    "data.flow.method": _one_of(("dis", "farneback", "tvl1", "files")),
    "model.skeleton": _one_of(("auto", *SKELETONS)),
    "model.system": _one_of(("recognizer", "deep_fusion", "sift")),
    "model.cluster_start": _one_of(("data", "random")),
    "train.dtype": _one_of(("auto", "float32", "bfloat16")),
    "train.optimizer": _one_of(("sgd", "adam")),
    "train.balance": _one_of(("none", "loss")),
    "train.schedule": _one_of(("cosine", "step", "constant")),
    "init.source": _one_of(("", *SOURCES)),
    "init.flow_stem": _one_of(("random", "mean")),
    "sift.encoder": _one_of(("bof", "fv", "vlad")),
    "sift.norm model.aggregation_norm": _one_of(NORMS),
    "eval.split": _one_of(("train", "val", "test")),
    "eval.crop": _one_of(("auto", "center", "whole")),
    "eval.checkpoint": _one_of(("last", "best")),
    "train.feature_draws": _at_least(-1),
    "data.clips_per_class data.fps data.workers data.threads eval.batch_size": _at_least(0),
    "windows.length windows.stride sift.min_side sift.contrast": _at_least(0),
    "train.weight_decay train.clip_norm train.center_loss": _at_least(0),
    "train.warmup_epochs train.freeze_backbone_epochs train.eval_every": _at_least(0),
    "train.patience": _at_least(0),
    "data.split data.people data.flow.stack data.prefetch": _at_least(1),
    "model.hidden": _at_least(0),
    "model.encoder_layers model.layers_per_stage model.powers": _at_least(1),
    "model.fc_features model.clusters model.aggregated": _at_least(1),
    "sift.clusters sift.frames": _at_least(1),
    "train.batch_size train.accumulate train.shards train.log_every": _at_least(1),
    "checkpoint.keep eval.views": _at_least(1),
    "data.num_frames": _at_least(8),
    "data.short_side": _at_least(16),
    "data.image_size": _at_least(32),
    "train.epochs train.learning_rate train.step_factor train.head_rate": _POSITIVE,
    "model.assignment_alpha": _POSITIVE,
    "model.width data.flow.bound sift.regularisation checkpoint.every": _POSITIVE,
    "model.dropout model.backbone_dropout model.encoder_dropout": _SHARE,
    "model.bn_momentum train.momentum train.label_smoothing data.keypoint_score": _SHARE,
    "train.center_rate data.least_share": (
        lambda value: 0 < value <= 1,
        "more than 0 and at most 1",
    ),
    "data.folds": (lambda value: value in (-1, 0) or value >= 2, "0, -1, or at least 2"),
    "data.validation": (lambda value: 0 <= value <= 0.5, "from 0 to 0.5"),
    "data.jpeg_quality": (lambda value: 1 <= value <= 100, "from 1 to 100"),
    "seed data.embedded.seed": (
        lambda value: 0 <= value <= LARGEST_SEED,
        f"from 0 to {LARGEST_SEED}",
    ),
    "data.classes": (lambda value: all(isinstance(v, str) for v in value), "names"),
    "train.step_epochs": (lambda value: all(isinstance(v, int | float) for v in value), "numbers"),
    "data.rotation": (lambda value: 0 <= value <= 180, "from 0 to 180 degrees"),
    "data.intervals": (_is_range, "(SHORTEST, LONGEST) in frames, from 1"),
}

REQUIRED = {  # fields that require another one
    "init.flow_path": "init.source",
    "data.mirror": "data.augment",
    "data.rotation": "data.augment",
    "train.patience": "train.eval_every",
}


def check(config: ConfigDict) -> None:
    """Raises UserError for a value that cannot be meant, with its field."""
    for field, value in flatten(config).items():
        if value is None or (isinstance(value, float) and not math.isfinite(value)):
            raise UserError(f"config.{field}={value}: must be a finite value")
    for fields, (is_valid, meaning) in RULES.items():
        for field in fields.split():
            if not is_valid(value := get(config, field)):
                raise UserError(f"config.{field}={value!r}: must be {meaning}")
    if config.data.prefix and config.data.dataset != "csv":
        raise UserError(
            f"config.data.prefix={config.data.prefix!r}: the paths of config.data.dataset=csv are "
            f"relative to it, and {config.data.dataset} has none"
        )
    if config.data.folds and config.data.division != "own":
        raise UserError(
            f"config.data.division={config.data.division}: must be own with config.data.folds, "
            "which divide by groups"
        )
    part(config.data.part)
    profiled_steps(config.train.profile_steps)
    if (descriptors := config.sift.descriptors) < (least := config.sift.clusters):
        raise UserError(
            f"config.sift.descriptors={descriptors}: must be at least {least} (clusters)"
        )
    if bool(config.init.source) != bool(config.init.path) and config.init.source != "kinetics400":
        raise UserError("config.init.source and config.init.path: set both or neither")
    for field, needed in REQUIRED.items():
        if get(config, field) and not get(config, needed):
            raise UserError(f"config.{field} requires config.{needed}")
    _check_skeletons(config)
    if config.model.hidden == 0 and config.model.encoder not in RECURRENT:
        raise UserError(
            f"config.model.hidden=0: must be at least 1 for the encoder {config.model.encoder}; "
            f"only {', '.join(RECURRENT)} take the width of the features"
        )
    if config.train.feature_draws >= 0:
        if config.model.system != "recognizer":
            raise UserError(
                f"config.train.feature_draws={config.train.feature_draws}: the system "
                f"{config.model.system} has no features of a backbone to keep; must be -1"
            )
        if not config.train.freeze_backbone_epochs:
            raise UserError(
                "config.train.feature_draws requires config.train.freeze_backbone_epochs"
            )
    if config.train.schedule == "step" and not config.train.step_epochs:
        raise UserError("config.train.schedule='step' requires config.train.step_epochs")


def _check_skeletons(config: ConfigDict) -> None:
    data = config.data
    asked = [name for name in OF_JOINTS if data[name] not in ("joint", False, 0.0)]
    if data.sampling == "resampled":
        asked.append("sampling")
    if asked and data.modality != "skeleton":
        raise UserError(
            f"config.data.{asked[0]}={data[asked[0]]}: it is for skeletons; config.data.modality="
            f"{data.modality} has none"
        )
    if data.sampling == "resampled" and config.eval.views > 1:
        raise UserError(
            f"config.eval.views={config.eval.views}: must be 1, the whole video, with "
            "config.data.sampling=resampled"
        )
    turned = [name for name in asked if name in ("view_normalised", "rotation")]
    is_known = config.model.skeleton in SKELETONS  # auto is checked once it is found
    if turned and is_known and not SKELETONS[config.model.skeleton].axes:
        raise UserError(
            f"config.data.{turned[0]}={data[turned[0]]}: the joints of config.model.skeleton="
            f"{config.model.skeleton} are places in a picture; only joints in metres can be turned"
        )


def part(text: str) -> tuple[int, int]:
    """Returns the part and the number of parts that `data.part` names; empty: 1 of 1."""
    meaning = "i/n with i from 1 to n, such as 2/8"
    return _pair("data.part", text or "1/1", "/", operator.le, meaning)


def profiled_steps(text: str) -> range:
    """Returns the steps that `train.profile_steps` names, none if it is empty."""
    meaning = "A:B with 1 <= A < B, such as 10:13 for the steps 10, 11 and 12"
    return (
        range(*_pair("train.profile_steps", text, ":", operator.lt, meaning)) if text else range(0)
    )


def _pair(
    field: str, text: str, separator: str, is_valid: Callable[[int, int], bool], meaning: str
) -> tuple[int, int]:
    first, _, second = text.partition(separator)
    numbers = int(first) if first.isdecimal() else 0, int(second) if second.isdecimal() else 0
    if numbers[0] < 1 or not is_valid(*numbers):
        raise UserError(f"config.{field}={text!r}: must be {meaning}")
    return numbers


def check_undivided(config: ConfigDict) -> None:
    """Raises UserError for fields that only the preparation of a dataset reads."""
    for field in ("data.part", "data.check_only"):
        if value := get(config, field):
            raise UserError(
                f"config.{field}={value}: only --mode=prepare takes it; training and evaluation "
                "read all videos"
            )
