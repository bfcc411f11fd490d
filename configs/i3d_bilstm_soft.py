"""I3D-BiLSTM(*): soft concatenation aggregation of the BiLSTM's feature steps.

    jaxvid train i3d_bilstm_soft
    jaxvid train i3d_bilstm_soft:ucf101 --config.data.root=/data/UCF101
    python -m jaxvid.main --config=configs/i3d_bilstm_soft.py    # the first one in a checkout

Source: Wang, Yi: soft correlation concatenation aggregation, ICCK TSCC 1(1), 2024, section 4, Table
2.
Clips of 64x224x224, 16,090,352 parameters without the classifier. Results: docs/results.md.

The paper's and ours: as in li3d_bilstm_soft.py, with I3D as the backbone. The number of clusters:
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
