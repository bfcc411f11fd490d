"""C3D: 3x3x3 convolutions and two fully connected layers on short clips.

    python -m jaxvid.main --config=configs/c3d.py
    python -m jaxvid.main --config=configs/c3d.py:ucf101 --config.data.root=/data/UCF101

Source: Nagaraju, Manchala: Hybrid Deep Learning Techniques for Video Processing using
attention-based LSTM and 3D CNN, section 3.3; a row of Table 1 of the deep fusion paper too (Ou,
Sun); Tran et al. 2015.

What to expect. Embedded dataset (first command): 97.4 % top-1 on 420 test clips of seven actors
never seen in training (one seed), in four minutes on two CPU cores.

UCF101 (last command; `:ucf101,split=1..3,augment=true|false`): clips of 16x112x112, 77,995,776
parameters without the classifier. Accuracy not measured here; the deep fusion paper reports 85.2 %.

The papers' choices: the 3D CNN with a fully connected layer and softmax; Adam with 1e-3, batches of
32, 100 epochs. Ours, where they are silent: Tran et al.'s layers, 16 frames at 112x112; crops,
evaluation on the centred run. Tran et al. start from Sports-1M weights, this config from scratch.
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
