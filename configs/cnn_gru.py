"""2D CNN + GRU: Inception v1 on every frame, a GRU over its features.

    jaxvid train cnn_gru
    jaxvid train cnn_gru:ucf101 --config.data.root=/data/UCF101
    python -m jaxvid.main --config=configs/cnn_gru.py    # the first one in a checkout

Source: Nagaraju, Manchala: attention-based LSTM and 3D CNN, section 3.1.
Clips of 64x224x224, 6,576,688 parameters without the classifier. Results: docs/results.md.

The paper's and ours: as in cnn_lstm.py, with a GRU.
"""

from ml_collections import ConfigDict

from jaxvid import config as configs
from jaxvid.config import recipes


def get_config(argument: str = "") -> ConfigDict:
    """Returns the config; `argument` is `jaxvid.config.for_dataset`'s: DATASET[,KEY=VALUE ...]."""
    config = configs.for_dataset(argument, recipes.hybrid)
    config.name = "cnn_gru"
    config.model.backbone = "inception2d"
    config.model.encoder = "gru"
    config.model.hidden = 64 if configs.is_small(config) else 256
    config.model.pooling = "last"
    if configs.is_small(config):
        config.train.epochs = 10.0
    return config
