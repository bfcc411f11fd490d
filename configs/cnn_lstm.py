from ml_collections import ConfigDict

from jaxvid import config as configs
from jaxvid import protocols


def get_config(argument: str = "") -> ConfigDict:
    """Returns the config; `argument`: [DATASET[,split=N][,augment=true|false]]."""
    config = configs.for_dataset(argument, protocols.hybrid)
    config.name = "cnn_lstm"
    config.model.backbone = "inception2d"
    config.model.encoder = "lstm"
    config.model.hidden = 64 if config.data.dataset == "embedded" else 256
    config.model.pooling = "last"
    return config
