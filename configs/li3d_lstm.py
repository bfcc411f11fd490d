"""LI3D-LSTM: an LSTM over LI3D's feature steps.

    jaxvid train li3d_lstm
    jaxvid train li3d_lstm:ucf101 --config.data.root=/data/UCF101
    python -m jaxvid.main --config=configs/li3d_lstm.py    # the first one in a checkout

Source: Wang, Jin, Yi: LI3D-BiLSTM, ICCK TETAI 1(1), 2024, sections 3.2 and 3.3, Table 3.
Clips of 64x224x224, 8,316,336 parameters without the classifier. Results: docs/results.md.

The paper's: UCF101's split 3, the sampling of frames, the three crops, 50 epochs; an LSTM over the
1024-wide steps. Ours: 64 units, the mean over time, then a linear layer; the rest as in li3d.py.
"""

from ml_collections import ConfigDict

from jaxvid import config as configs


def get_config(argument: str = "") -> ConfigDict:
    """Returns the config; `argument` is `jaxvid.config.for_dataset`'s: DATASET[,KEY=VALUE ...]."""
    config = configs.for_dataset(argument)
    config.name = "li3d_lstm"
    config.model.backbone = "li3d"
    config.model.encoder = "lstm"
    return config
