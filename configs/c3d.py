"""C3D: 3x3x3 convolutions and two fully connected layers on short clips.

    jaxvid train c3d
    jaxvid train c3d:ucf101 --config.data.root=/data/UCF101
    python -m jaxvid.main --config=configs/c3d.py    # the first one in a checkout

Source: Nagaraju, Manchala: attention-based LSTM and 3D CNN, section 3.3; also a row of Table 1 of
the deep fusion paper (Ou, Sun); Tran et al. 2015.
Clips of 16x112x112, 77,995,776 parameters without the classifier. Results: docs/results.md.

The papers': the 3D CNN with a fully connected layer and softmax; for the hybrid paper's proposed
system Adam with 1e-3, batches of 32, 100 epochs. Ours: Tran et al.'s layers, 16 frames at 112x112,
crops, evaluation on the middle frames. Tran et al. start from Sports-1M weights, this config from
scratch.
"""

from ml_collections import ConfigDict

from jaxvid import config as configs
from jaxvid.config import recipes


def get_config(argument: str = "") -> ConfigDict:
    """Returns the config; `argument` is `jaxvid.config.for_dataset`'s: DATASET[,KEY=VALUE ...]."""
    config = configs.for_dataset(argument, recipes.hybrid)
    config.name = "c3d"
    config.model.backbone = "c3d"
    config.model.encoder = "none"
    config.model.dropout = 0.0  # the fully connected layers have their own
    if configs.is_small(config):
        config.train.learning_rate = 1e-3
        config.train.epochs = 6.0
        return config
    config.data.short_side = 128
    config.data.image_size = 112
    config.data.num_frames = 16
    config.model.temporal_stride = 16
    return config
