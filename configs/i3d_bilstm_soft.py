from ml_collections import ConfigDict

from jaxvid import config as configs


def get_config(argument: str = "") -> ConfigDict:
    """Returns the config; `argument`: [DATASET[,split=N][,augment=true|false]]."""
    config = configs.for_dataset(argument)
    config.name = "i3d_bilstm_soft"
    config.model.backbone = "i3d"
    config.model.factorised_stem = False
    config.model.encoder = "bilstm"
    config.model.pooling = "soft_concat"
    if config.data.dataset == "embedded":
        config.model.clusters = 16
    return config
