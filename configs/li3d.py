"""LI3D: I3D with the 3x3x3 kernels of its Inception modules factorised.

    jaxvid train li3d
    jaxvid train li3d:ucf101 --config.data.root=/data/UCF101
    python -m jaxvid.main --config=configs/li3d.py    # the first one in a checkout

Source: Wang, Jin, Yi: LI3D-BiLSTM, ICCK TETAI 1(1), 2024, section 3.2, Tables 1 to 3.
Clips of 64x224x224, 8,037,552 parameters without the classifier. Results: docs/results.md.

The paper's: UCF101's split 3, the sampling of frames, the three crops, 50 epochs; 1x3x3 and 3x1x1
for 3x3x3 in the nine Inception modules. Ours: that order of the two, each with batch norm and ReLU;
the classifier acts on the mean of the feature steps; the rest as in i3d.py. On the embedded dataset
the kernels before the modules are factorised, too.
"""

from ml_collections import ConfigDict

from jaxvid import config as configs


def get_config(argument: str = "") -> ConfigDict:
    """Returns the config; `argument` is `jaxvid.config.for_dataset`'s: DATASET[,KEY=VALUE ...]."""
    config = configs.for_dataset(argument)
    config.name = "li3d"
    config.model.backbone = "li3d"
    config.model.encoder = "none"
    return config
