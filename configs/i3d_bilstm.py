"""I3D-BiLSTM: I3D's feature steps read in both directions.

    python -m jaxvid.main --config=configs/i3d_bilstm.py
    python -m jaxvid.main --config=configs/i3d_bilstm.py:ucf101 --config.data.root=/data/UCF101

Source: Wang, Jin, Yi: LI3D-BiLSTM, ICCK TETAI 1(1), 2024, section 3.3; not one of its rows, but the
base of a later paper's.

What to expect. Embedded dataset (first command): 87.1 % top-1 on 420 test clips of seven actors
never seen in training (one seed), in four minutes on two busy CPU cores.

UCF101 (second command; `:ucf101,split=1..3,augment=true|false`, split 3 as in the paper): clips of
64x224x224, 12,837,552 parameters without the classifier. Accuracy not measured here; the paper does
not report it.

The paper's choices: frame sampling, the three crops, 50 epochs; the backbone and a bidirectional
LSTM over its 1024-wide steps. Ours, where it is silent: 64 units per direction, mean over time,
then a linear layer; 64 frames, optimiser, rates, batch, dropout; evaluation on the centred run and
the centre crop. The paper starts from Kinetics weights, this config from scratch.
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
