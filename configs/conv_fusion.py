from ml_collections import ConfigDict

from jaxvid import config as configs
from jaxvid import protocols


def get_config(argument: str = "") -> ConfigDict:
    """Returns the config; `argument`: [DATASET[,split=N][,augment=true|false]]."""
    config = configs.for_dataset(argument)
    protocols.deep_fusion(config)
    config.name = "conv_fusion"
    config.data.streams = "rgb+flow"
    config.model.backbone = "conv_fusion"
    config.model.encoder = "none"
    return config
