from ml_collections import ConfigDict

from jaxvid import config as configs
from jaxvid import protocols


def get_config(argument: str = "") -> ConfigDict:
    """Returns the config; `argument`: [DATASET[,stream=rgb|flow][,split=N][,augment=BOOL]]."""
    config, chosen = configs.with_options(argument, stream=("rgb", "flow"))
    protocols.deep_fusion(config)
    config.name = f"vgg16_{chosen['stream']}"
    config.data.streams = chosen["stream"]
    config.model.backbone = "vgg16"
    config.model.encoder = "none"
    return config
