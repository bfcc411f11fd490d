"""I3D-BiLSTM(*): soft concatenation aggregation of the BiLSTM's feature steps.

    python -m jaxvid.main --config=configs/i3d_bilstm_soft.py
    python -m jaxvid.main --config=configs/i3d_bilstm_soft.py:ucf101 --config.data.root=/data/UCF101

Source: Wang, Yi: Spatio-temporal Feature Soft Correlation Concatenation Aggregation Structure for
Video Action Recognition Networks, ICCK TSCC 1(1), 2024, section 4, Table 2.

What to expect. Embedded dataset (first command): 90.0 % top-1 on 420 test clips of seven actors
never seen in training (one seed), in four minutes on two CPU cores.

UCF101 (last command; `:ucf101,split=1..3,augment=true|false`): clips of 64x224x224, 16,090,352
parameters without the classifier. Accuracy not measured here; the paper reports 0.921 with K = 128.

The paper's and our own: as in li3d_bilstm_soft.py, with I3D as the backbone. The number of centres:
`--config.model.clusters=K`; the paper compares 64, 128, 256 and 1024.
"""

from ml_collections import ConfigDict

from jaxvid import config as configs


def get_config(argument: str = "") -> ConfigDict:
    """Returns the config; `argument` is `jaxvid.config.for_dataset`'s: DATASET[,KEY=VALUE ...]."""
    config = configs.for_dataset(argument)
    config.name = "i3d_bilstm_soft"
    config.model.backbone = "i3d"
    config.model.factorised_stem = False
    config.model.encoder = "bilstm"
    config.model.pooling = "soft_concat"
    if configs.is_small(config):
        config.model.clusters = 16
    return config
