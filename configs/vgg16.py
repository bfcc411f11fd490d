from ml_collections import ConfigDict

from jaxvid import config as configs
from jaxvid import protocols


def get_config(argument: str = "") -> ConfigDict:
    """Returns the config; `argument`: [DATASET[,stream=rgb|flow][,split=N][,augment=BOOL]]."""
    config, chosen = configs.with_options(argument, protocols.deep_fusion, stream=("rgb", "flow"))
    config.name = f"vgg16_{chosen['stream']}"
    config.data.streams = chosen["stream"]
    config.model.backbone = "vgg16"
    config.model.encoder = "none"
    return config
