"""LI3D-BiLSTM(*): soft concatenation aggregation of the BiLSTM's feature steps.

    jaxvid train li3d_bilstm_soft
    jaxvid train li3d_bilstm_soft:ucf101 --config.data.root=/data/UCF101
    python -m jaxvid.main --config=configs/li3d_bilstm_soft.py    # the first one in a checkout

Source: Wang, Yi: soft correlation concatenation aggregation, ICCK TSCC 1(1), 2024, section 4. One
encoding alone: `--config.model.pooling=soft_bof` (or soft_fv, soft_vlad); on I3D:
i3d_bilstm_soft.py.
Clips of 64x224x224, 11,847,920 parameters without the classifier. Results: docs/results.md.

The paper's: the three encodings with their soft assignment (equation 2), their mean, K = 128
clusters that start from k-means or a Gaussian mixture on training clips. Ours: 64 units per
direction and 64 outputs, which give about the parameters that the paper counts for K = 128 (11.80M;
with 101 classes 11.85M), alpha = 1 (the paper: a constant between 0 and 1;
`--config.model.assignment_alpha=0.5`), projections with initial weights of variance one, the
norms of NetVLAD (Algorithm 3 as printed: `--config.model.aggregation_norm=whole`); the rest as in
li3d_bilstm.py. Against the text: the encodings are stacked on an axis of their own, because
its reshape mixes the clips of a batch. On the embedded dataset K = 16: a clip has seven steps.
"""

from ml_collections import ConfigDict

from jaxvid import config as configs


def get_config(argument: str = "") -> ConfigDict:
    """Returns the config; `argument` is `jaxvid.config.for_dataset`'s: DATASET[,KEY=VALUE ...]."""
    config = configs.for_dataset(argument)
    config.name = "li3d_bilstm_soft"
    config.model.backbone = "li3d"
    config.model.encoder = "bilstm"
    config.model.pooling = "soft_concat"
    if configs.is_small(config):
        config.model.clusters = 16
    return config
