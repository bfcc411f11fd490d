"""What follows the colon of a config's name: the dataset, its options, and the config's own."""

from collections.abc import Callable

from ml_collections import ConfigDict

from jaxvid.config import recipes
from jaxvid.config.fields import default
from jaxvid.config.names import DATASETS, PUBLISHED, SOURCES
from jaxvid.errors import UserError, unknown

RENAMED = {"stream": "modality"}  # names of options in command lines of earlier versions

Protocol = Callable[[ConfigDict], None]


def for_dataset(argument: str = "", protocol: Protocol | None = None) -> ConfigDict:
    """Returns the default config for a dataset, from which a config file starts.

    `argument`: `DATASET[,split=N][,augment=BOOL][,scale=paper|small][,init=SOURCE][,train=head]`;
    two CPU cores train the small scale in minutes. Empty: the embedded dataset, small unless
    `scale=paper`. `protocol`, of `jaxvid.config.recipes`, changes the defaults before `argument`
    does. A SOURCE sets config.init.source and, without a protocol, the recipe for fine-tuning; the
    name of a published model stands for its source and its backbone's fields. `train=head`: the
    recipe for a head on a frozen backbone. Raises UserError.
    """
    config, _ = with_options(argument, protocol)
    return config


def with_options(
    argument: str, protocol: Protocol | None = None, **options: tuple[str, ...]
) -> tuple[ConfigDict, dict[str, str]]:
    """Returns the config of `for_dataset` and the values of a config file's own options.

    `options`: the values of each, the default first; `encoder=vlad` in `argument` chooses one.
    Raises UserError.
    """
    dataset, *pairs = argument.split(",") if argument else ["embedded"]
    if dataset not in DATASETS:
        raise unknown("dataset", dataset, DATASETS)
    valid = {
        "split": ("NUMBER",),
        "augment": ("true", "false"),
        "scale": ("paper", "small"),
        "init": (*SOURCES, *PUBLISHED),
        "train": ("all", "head"),
    } | options
    given = {}
    for pair in pairs:
        key, _, value = pair.partition("=")
        key = RENAMED.get(key, key)
        if not (value.isdigit() if key == "split" else value in valid.get(key, ())):
            shown = ", ".join(f"{name}={'|'.join(values)}" for name, values in valid.items())
            raise UserError(f"config option '{pair}': must be one of {shown}")
        given[key] = value
    config = default()
    config.data.dataset = dataset
    if dataset == "ucf101":
        config.data.split = 3  # paper A's
    if given.get("scale", "small" if dataset == "embedded" else "paper") == "small":
        recipes.small(config)
    if protocol:
        protocol(config)
    if "split" in given:
        config.data.split = int(given["split"])
    if "augment" in given:
        config.data.augment = given["augment"] == "true"
    if init := given.get("init"):
        if init in PUBLISHED:
            recipes.published(config, PUBLISHED[init])
        else:
            config.init.source = init
        if protocol is None:
            recipes.finetune(config)
    if given.get("train") == "head":
        if not init:
            raise UserError("config option 'train=head': requires init=, the backbone's weights")
        recipes.head(config)
    return config, {name: given.get(name, values[0]) for name, values in options.items()}


def check_published(argument: str, config: ConfigDict) -> None:
    """Raises UserError where a config has another backbone than the model that `init=` names."""
    for pair in argument.split(","):
        name = pair.removeprefix("init=")
        if pair.startswith("init=") and PUBLISHED.get(name, config.model.backbone) != (
            config.model.backbone
        ):
            valid = [n for n, backbone in PUBLISHED.items() if backbone == config.model.backbone]
            hint = f": init={valid[0]} is of it" if valid else ""
            raise UserError(
                f"config option '{pair}': {config.name} has the backbone {config.model.backbone}"
                f"{hint}"
            )
