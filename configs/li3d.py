"""LI3D: I3D with the 3x3x3 kernels of its Inception modules factorised.

    python -m jaxvid.main --config=configs/li3d.py
    python -m jaxvid.main --config=configs/li3d.py:ucf101 --config.data.root=/data/UCF101

Source: Wang, Jin, Yi: LI3D-BiLSTM, ICCK TETAI 1(1), 2024, section 3.2, Tables 1 to 3.

What to expect. Embedded dataset (first command): 99.0 % top-1 on 420 test clips of seven actors
never seen in training (one seed), in three to six minutes on two busy CPU cores.

UCF101 (second command; `:ucf101,split=1..3,augment=true|false`, split 3 as in the paper): clips of
64x224x224, 8,037,552 parameters without the classifier. Accuracy not measured here; the paper
reports 0.84 without augmentation; with it 0.89 in Table 2 and 0.85 in Table 3.

The paper's choices: frame sampling, the three crops, 50 epochs; 1x3x3 and 3x1x1 for 3x3x3 in the
nine Inception modules. Ours, where it is silent: that order of the two, each with batch norm and
ReLU; the classifier acts on the mean of the feature steps; 64 frames, optimiser, rates, batch,
dropout; evaluation on the centred run and the centre crop. The paper starts from Kinetics weights,
this config from scratch. The first command's network also factorises the 7x7x7 and 3x3x3 kernels
before the modules, which learns faster at its size.
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
