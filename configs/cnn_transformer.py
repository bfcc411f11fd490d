"""CNN + Transformer: Inception v1 on every frame, its features read by a Transformer encoder.

    python -m jaxvid.main --config=configs/cnn_transformer.py
    python -m jaxvid.main --config=configs/cnn_transformer.py:ucf101 --config.data.root=/data/UCF101

Source: Nagaraju, Manchala: Hybrid Deep Learning Techniques for Video Processing using
attention-based LSTM and 3D CNN, section 3.4.

What to expect. Embedded dataset (first command): 88.3 % top-1 on 420 test clips of seven actors
never seen in training (one seed), in three minutes on two CPU cores.

UCF101 (last command; `:ucf101,split=1..3,augment=true|false`): clips of 64x224x224, 6,645,296
parameters without the classifier. Accuracy not measured here; the paper reports none for it.

The paper's choices: features of each frame, an encoder of self-attention, and a linear layer on its
last step; Adam with 1e-3, batches of 32, 100 epochs, the official splits. Ours: scores are divided
by the root of d_k, which the printed formula omits; one layer of width 256 with four heads and
sinusoidal positions, Inception v1 with batch norm as the CNN, 64 consecutive frames, crops.
"""

from ml_collections import ConfigDict

from jaxvid import config as configs
from jaxvid.config import recipes


def get_config(argument: str = "") -> ConfigDict:
    """Returns the config; `argument` is `jaxvid.config.for_dataset`'s: DATASET[,KEY=VALUE ...]."""
    config = configs.for_dataset(argument, recipes.hybrid)
    config.name = "cnn_transformer"
    config.model.backbone = "inception2d"
    config.model.encoder = "transformer"
    config.model.hidden = 64 if configs.is_small(config) else 256
    config.model.pooling = "last"
    if configs.is_small(config):
        config.train.epochs = 10.0
    else:
        config.model.encoder_dropout = 0.1
    return config
