"""LI3D-BiLSTM."""

from ml_collections import ConfigDict

from jaxvid import config as configs


def get_config(argument: str = "") -> ConfigDict:
    """Returns the config; `argument`: [DATASET[,split=N][,augment=true|false]]."""
    config = configs.for_dataset(argument)
    config.name = "li3d_bilstm"
    config.model.encoder = "bilstm"
    return config
