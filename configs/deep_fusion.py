from ml_collections import ConfigDict

from jaxvid import config as configs
from jaxvid import protocols


def get_config(argument: str = "") -> ConfigDict:
    """Returns the config; `argument`: [DATASET[,split=N][,augment=true|false]]."""
    config = configs.for_dataset(argument, protocols.deep_fusion)
    config.name = "deep_fusion"
    config.data.streams = "rgb+flow"
    config.model.system = "deep_fusion"
    config.model.backbone = "conv_fusion"
    config.model.encoder = "ln_lstm"
    config.model.encoder_dropout = 0.25
    config.model.pooling = "last"
    config.model.hidden = 64 if config.data.dataset == "embedded" else 101
    return config
