"""LI3D-BiLSTM(*): soft concatenation aggregation of the BiLSTM's feature steps.

    python -m jaxvid.main --config=configs/li3d_bilstm_soft.py
    python -m jaxvid.main --config=configs/li3d_bilstm_soft.py:ucf101 \\
        --config.data.root=/data/UCF101

Source: Wang, Yi: Spatio-temporal Feature Soft Correlation Concatenation Aggregation Structure for
Video Action Recognition Networks, ICCK TSCC 1(1), 2024, section 4. One encoding alone:
`--config.model.pooling=soft_bof` (or soft_fv, soft_vlad); on I3D: `--config.model.backbone=i3d`.

What to expect. Embedded dataset (first command): 92.6 % top-1 on 420 test clips of seven actors
never seen in training (one seed), in four minutes on two busy CPU cores: at this size and schedule
less than the mean over time (98.1 %). What it loses is the difference between the two punches.

UCF101 (second command; `:ucf101,split=1..3,augment=true|false`): clips of 64x224x224, 11,847,920
parameters without the classifier. Accuracy not measured here.

The paper's choices: the three encodings with their soft assignment (equation 2), their mean, K =
128 clusters, which start from k-means or a Gaussian mixture on training clips. Ours, where it is
silent: 64 units per direction and 64 outputs, which give the parameters that the paper counts for K
= 128 (11.80M; ours with 101 classes 11.85M), assignments as soft as alpha = 1 makes them,
projections that start with weights of variance one, and what LI3D-BiLSTM's config states. Against
the text: the encodings are stacked on an axis of their own, because its reshape mixes the clips of
a batch. The first command takes K = 16, since a clip has only seven steps there.
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
