from ml_collections import ConfigDict

from jaxvid import config as configs
from jaxvid import protocols


def get_config(argument: str = "") -> ConfigDict:
    """Returns the config; `argument`: [DATASET[,split=N][,augment=true|false]]."""
    config = configs.for_dataset(argument, protocols.hybrid)
    config.name = "c3d"
    config.model.backbone = "c3d"
    config.model.encoder = "none"
    config.model.dropout = 0.0  # the fully connected layers have their own
    if config.data.dataset == "embedded":
        config.train.learning_rate = 1e-3
        config.train.epochs = 6.0
        return config
    config.data.short_side = 128
    config.data.image_size = 112
    config.data.num_frames = 16
    config.model.temporal_stride = 16
    return config
