from ml_collections import ConfigDict

from jaxvid import config as configs
from jaxvid import protocols


def get_config(argument: str = "") -> ConfigDict:
    """Returns the config; `argument`: [DATASET[,split=N][,augment=true|false]]."""
    config = configs.for_dataset(argument, protocols.deep_fusion)
    config.name = "conv_fusion"
    config.data.streams = "rgb+flow"
    config.model.backbone = "conv_fusion"
    config.model.encoder = "none"
    config.model.dropout = 0.0  # FC6 has its own
    return config
