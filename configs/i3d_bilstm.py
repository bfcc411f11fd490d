"""I3D-BiLSTM: a bidirectional LSTM over I3D's feature steps.

    jaxvid train i3d_bilstm
    jaxvid train i3d_bilstm:ucf101 --config.data.root=/data/UCF101
    python -m jaxvid.main --config=configs/i3d_bilstm.py    # the first one in a checkout

Source: Wang, Jin, Yi: LI3D-BiLSTM, ICCK TETAI 1(1), 2024, section 3.3; not one of its rows, but the
base of a later paper's.
Clips of 64x224x224, 12,837,552 parameters without the classifier. Results: docs/results.md.

The paper's and ours: as in li3d_bilstm.py, with I3D as the backbone.
"""

from ml_collections import ConfigDict

from jaxvid import config as configs


def get_config(argument: str = "") -> ConfigDict:
    """Returns the config; `argument` is `jaxvid.config.for_dataset`'s: DATASET[,KEY=VALUE ...]."""
    config = configs.for_dataset(argument)
    config.name = "i3d_bilstm"
    config.model.backbone = "i3d"
    config.model.factorised_stem = False
    config.model.encoder = "bilstm"
    return config
