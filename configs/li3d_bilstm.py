"""LI3D-BiLSTM: a bidirectional LSTM over LI3D's feature steps.

    jaxvid train li3d_bilstm
    jaxvid train li3d_bilstm:ucf101 --config.data.root=/data/UCF101
    jaxvid train li3d_bilstm:ucf101,init=i3d_pytorch --config.model.linear_factors=true \\
        --config.data.root=/data/UCF101 --config.init.path=rgb_imagenet.pt
    python -m jaxvid.main --config=configs/li3d_bilstm.py    # the first one in a checkout

Source: Wang, Jin, Yi: LI3D-BiLSTM, ICCK TETAI 1(1), 2024, sections 3.2 and 3.3, Table 3.
Clips of 64x224x224, 8,595,120 parameters without the classifier. Results: docs/results.md.

The paper's: UCF101's split 3, the sampling of frames, the three crops, 50 epochs; a bidirectional
LSTM over the 1024-wide steps. Ours: 64 units per direction, the mean over time, then a linear
layer; the rest as in li3d.py. `init=` starts from published weights by
`jaxvid.config.recipes.finetune`.
"""

from ml_collections import ConfigDict

from jaxvid import config as configs


def get_config(argument: str = "") -> ConfigDict:
    """Returns the config; `argument` is `jaxvid.config.for_dataset`'s: DATASET[,KEY=VALUE ...]."""
    config = configs.for_dataset(argument)
    config.name = "li3d_bilstm"
    config.model.backbone = "li3d"
    config.model.encoder = "bilstm"
    return config
