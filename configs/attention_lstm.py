from ml_collections import ConfigDict

from jaxvid import config as configs
from jaxvid import protocols


def get_config(argument: str = "") -> ConfigDict:
    """Returns the config; `argument`: [DATASET[,split=N][,augment=true|false]]."""
    config = configs.for_dataset(argument, protocols.hybrid)
    config.name = "attention_lstm"
    config.data.streams = "rgb+flow"
    config.model.backbone = "two_stream"
    config.model.rgb_backbone = "i3d"
    config.model.flow_backbone = "i3d"
    config.model.encoder = "bilstm"
    config.model.encoder_layers = 2
    config.model.hidden = 64 if config.data.dataset == "embedded" else 256
    config.model.pooling = "attention"
    config.train.center_loss = 0.003
    if config.data.dataset == "embedded":
        config.train.epochs = 10.0
    return config
