"""CNN + Transformer: Inception v1 on every frame, a Transformer encoder over its features.

    jaxvid train cnn_transformer
    jaxvid train cnn_transformer:ucf101 --config.data.root=/data/UCF101
    python -m jaxvid.main --config=configs/cnn_transformer.py    # the first one in a checkout

Source: Nagaraju, Manchala: attention-based LSTM and 3D CNN, section 3.4.
Clips of 64x224x224, 6,645,296 parameters without the classifier. Results: docs/results.md.

The paper's: features of each frame, an encoder of self-attention, and a linear layer on its last
step; for its proposed system Adam with 1e-3, batches of 32, 100 epochs, the official splits. Ours:
scores are divided by the root of d_k, which the printed formula omits; one layer of width 256 with
four heads and sinusoidal positions; the rest as in cnn_lstm.py.
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
