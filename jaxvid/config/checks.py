"""What a config's values must be, before anything is read or computed.

What needs the dataset or the network to be known is checked where they are opened.
"""

import math

from ml_collections import ConfigDict

from jaxvid.config.fields import flatten, get
from jaxvid.config.names import DATASETS, SOURCES
from jaxvid.errors import UserError
from jaxvid.skeletons import SKELETONS

POSITIVE = (
    "train.epochs",
    "train.learning_rate",
    "train.step_factor",
    "train.head_rate",
    "model.width",
    "data.flow.bound",
    "sift.regularisation",
    "checkpoint.every",
)


def check(config: ConfigDict) -> None:
    """Raises UserError where a field's value cannot be meant, naming the field."""
    for field, value in flatten(config).items():
        if value is None or (isinstance(value, float) and not math.isfinite(value)):
            raise UserError(f"config.{field}={value}: a finite value is wanted")
    if not all(isinstance(name, str) for name in config.data.classes):
        raise UserError(f"config.data.classes={config.data.classes}: names are wanted")
    if not all(isinstance(epoch, int | float) for epoch in config.train.step_epochs):
        raise UserError(f"config.train.step_epochs={config.train.step_epochs}: numbers are wanted")
    one_of = {
        "data.dataset": DATASETS,
        "data.embedded.level": ("easy", "hard"),
        "data.modality": ("rgb", "flow", "rgb+flow", "skeleton"),
        "data.sampling": ("consecutive", "interval"),
        "data.flow.method": ("dis", "farneback", "tvl1"),
        "model.skeleton": tuple(SKELETONS),
        "model.system": ("recognizer", "deep_fusion", "sift"),
        "train.dtype": ("auto", "float32", "bfloat16"),
        "train.optimizer": ("sgd", "adam"),
        "train.schedule": ("cosine", "step", "constant"),
        "model.cluster_start": ("data", "random"),
        "init.source": ("", *SOURCES),
        "init.flow_stem": ("random", "mean"),
        "sift.encoder": ("bof", "fv", "vlad"),
        "eval.split": ("train", "test"),
        "eval.checkpoint": ("last", "best"),
    }
    for field, values in one_of.items():
        if get(config, field) not in values:
            raise UserError(
                f"config.{field}='{get(config, field)}': one of {_listed(values)} is wanted"
            )
    unsigned = (
        *("data.clips_per_class", "data.fps", "data.workers", "data.threads"),
        *("sift.min_side", "sift.contrast", "windows.length", "windows.stride"),
    )
    at_least = {
        **dict.fromkeys(unsigned, 0),
        **dict.fromkeys(("sift.clusters", "sift.frames"), 1),
        "data.short_side": 16,
        "data.jpeg_quality": 1,
        "data.num_frames": 8,
        "data.image_size": 32,
        "data.split": 1,
        "data.people": 1,
        "data.flow.stack": 1,
        "data.prefetch": 1,
        "model.encoder_layers": 1,
        "model.layers_per_stage": 1,
        "model.hidden": 1,
        "model.fc_features": 1,
        "model.clusters": 1,
        "model.aggregated": 1,
        "sift.descriptors": config.sift.clusters,
        "train.batch_size": 1,
        "train.accumulate": 1,
        "train.shards": 1,
        "train.log_every": 1,
        "train.eval_every": 0,
        "train.weight_decay": 0,
        "train.clip_norm": 0,
        "train.center_loss": 0,
        "train.warmup_epochs": 0,
        "train.freeze_backbone_epochs": 0,
        "checkpoint.keep": 1,
        "eval.batch_size": 1,
        "eval.views": 1,
    }
    for field, least in at_least.items():
        if get(config, field) < least:
            raise UserError(f"config.{field}={get(config, field)}: at least {least} is wanted")
    for field in POSITIVE:
        if not get(config, field) > 0:
            raise UserError(f"config.{field}={get(config, field)}: more than 0 is wanted")
    if not 0 < config.train.center_rate <= 1:
        raise UserError(f"config.train.center_rate={config.train.center_rate}: in (0, 1] is wanted")
    shares = (
        "model.dropout",
        "model.backbone_dropout",
        "model.encoder_dropout",
        "model.bn_momentum",
    )
    for field in (*shares, "train.label_smoothing", "train.momentum"):
        if not 0 <= get(config, field) < 1:
            raise UserError(f"config.{field}={get(config, field)}: from 0 to below 1 is wanted")
    if bool(config.init.source) != bool(config.init.path):
        raise UserError("config.init.source and config.init.path: both are wanted, or neither")
    if config.init.flow_path and not config.init.source:
        raise UserError("config.init.flow_path needs config.init.source")
    if config.data.mirror and not config.data.augment:
        raise UserError("config.data.mirror=True needs config.data.augment=True")
    limits = config.data.intervals
    if (
        len(limits) != 2
        or not all(isinstance(n, int) for n in limits)
        or not 1 <= limits[0] <= limits[1]
    ):
        raise UserError(f"config.data.intervals={limits}: (LEAST, MOST) in frames is wanted")
    part(config.data.part)
    profiled_steps(config.train.profile_steps)
    if config.data.jpeg_quality > 100:
        raise UserError(f"config.data.jpeg_quality={config.data.jpeg_quality}: at most 100")
    if config.train.schedule == "step" and not config.train.step_epochs:
        raise UserError("config.train.step_epochs is empty: the step schedule needs its epochs")


def part(shard: str) -> tuple[int, int]:
    """Returns which part of how many `data.part` names, 1 of 1 where it is empty.

    Raises UserError where it names none.
    """
    number, slash, parts = (shard or "1/1").partition("/")
    if not (slash and number.isdecimal() and parts.isdecimal() and 1 <= int(number) <= int(parts)):
        raise UserError(
            f"config.data.part='{shard}': i/n with i from 1 to n is wanted, such as 2/8"
        )
    return int(number), int(parts)


def profiled_steps(steps: str) -> range:
    """Returns the steps that `train.profile_steps` names, none where it is empty.

    Raises UserError where it names none.
    """
    if not steps:
        return range(0)
    first, _, end = steps.partition(":")
    if not (first.isdecimal() and end.isdecimal() and 1 <= int(first) < int(end)):
        raise UserError(
            f"config.train.profile_steps='{steps}': A:B with 1 <= A < B is wanted, such as 10:13 "
            "for the steps 10, 11 and 12"
        )
    return range(int(first), int(end))


def check_undivided(config: ConfigDict) -> None:
    """Raises UserError for fields with which a mode would do less than it is for."""
    for field in ("data.part", "data.check_only"):
        if get(config, field):
            raise UserError(
                f"config.{field}={get(config, field)}: training and evaluation take all videos; "
                "--mode=prepare takes it"
            )


def _listed(values: tuple[str, ...]) -> str:
    return ", ".join(value or "(empty)" for value in values)
