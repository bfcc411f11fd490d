"""2D CNN + LSTM: Inception v1 on every frame, an LSTM over its features.

    jaxvid train cnn_lstm
    jaxvid train cnn_lstm:ucf101 --config.data.root=/data/UCF101
    python -m jaxvid.main --config=configs/cnn_lstm.py    # the first one in a checkout

Source: Nagaraju, Manchala: attention-based LSTM and 3D CNN, section 3.1 and Table 3.
Clips of 64x224x224, 6,904,368 parameters without the classifier. Results: docs/results.md.

The paper's: features of each frame, an LSTM, and a linear layer on its last state; for its proposed
system, and so here, Adam with 1e-3, batches of 32, 100 epochs, the official splits. Ours: Inception
v1 with batch norm as the CNN, 256 units (section 3.1 gives the state the width of the features, as
`--config.model.hidden=0` does: 13,985,328 parameters), 64 consecutive frames, crops, the schedule,
decay, clipping, dropout; from scratch (the paper does not say what its 2D CNN starts from).
"""

from ml_collections import ConfigDict

from jaxvid import config as configs
from jaxvid.config import recipes


def get_config(argument: str = "") -> ConfigDict:
    """Returns the config; `argument` is `jaxvid.config.for_dataset`'s: DATASET[,KEY=VALUE ...]."""
    config = configs.for_dataset(argument, recipes.hybrid)
    config.name = "cnn_lstm"
    config.model.backbone = "inception2d"
    config.model.encoder = "lstm"
    config.model.hidden = 64 if configs.is_small(config) else 256
    config.model.pooling = "last"
    return config
