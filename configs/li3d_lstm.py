"""LI3D-LSTM: LI3D's feature steps read by an LSTM.

    python -m jaxvid.main --config=configs/li3d_lstm.py
    python -m jaxvid.main --config=configs/li3d_lstm.py:ucf101 --config.data.root=/data/UCF101

Source: Wang, Jin, Yi: LI3D-BiLSTM, ICCK TETAI 1(1), 2024, sections 3.2 and 3.3, Table 3.

What to expect. Embedded dataset (first command): 96.0 % top-1 on 420 test clips of seven actors
never seen in training (one seed), in three to five minutes on two busy CPU cores.

UCF101 (second command; `:ucf101,split=1..3,augment=true|false`, split 3 as in the paper): clips of
64x224x224, 8,316,336 parameters without the classifier. Accuracy not measured here; the paper
reports 0.86 with augmentation.

The paper's choices: frame sampling, the three crops, 50 epochs; the backbone and an LSTM over its
1024-wide steps. Ours, where it is silent: 64 units, mean over time, then a linear layer; 64 frames,
optimiser, rates, batch, dropout; evaluation on the centred run and the centre crop. The paper
starts from Kinetics weights, this config from scratch. The first command's network also factorises
the 7x7x7 and 3x3x3 kernels before the modules, which learns faster at its size.
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
