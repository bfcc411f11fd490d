from ml_collections import ConfigDict

from jaxvid import config as configs
from jaxvid import protocols


def get_config(argument: str = "") -> ConfigDict:
    """Returns the config; `argument`: [DATASET[,fusion=concat|sum][,split=N][,augment=BOOL]]."""
    config, chosen = configs.with_options(argument, protocols.hybrid, fusion=("concat", "sum"))
    config.name = "two_stream"
    config.data.streams = "rgb+flow"
    config.model.backbone = "two_stream"
    config.model.rgb_backbone = "inception2d"
    config.model.flow_backbone = "inception2d"
    config.model.fusion = chosen["fusion"]
    config.model.encoder = "none"
    if config.data.dataset == "embedded":
        config.train.epochs = 10.0
    return config
