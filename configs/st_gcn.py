from ml_collections import ConfigDict

from jaxvid import config as configs
from jaxvid import protocols
from jaxvid.data.skeleton_files import FORMATS


def get_config(argument: str = "") -> ConfigDict:
    """Returns the config; `argument`: [DATASET[,split=N][,augment=true|false]]."""
    config = configs.for_dataset(argument, protocols.hybrid)
    config.name = "st_gcn"
    config.data.streams = "skeleton"
    config.model.backbone = "st_gcn"
    config.model.encoder = "none"
    config.model.dropout = 0.0  # its units have their own
    if config.data.dataset == "embedded":
        config.train.epochs = 6.0
        return config
    if config.data.dataset in FORMATS:
        config.model.skeleton = FORMATS[config.data.dataset].joints
    config.model.temporal_stride = 4
    config.data.num_frames = 150 if config.data.dataset == "kinetics_skeleton" else 100
    config.train.optimizer = "sgd"
    config.train.learning_rate = 0.1
    config.train.weight_decay = 5e-4
    return config
