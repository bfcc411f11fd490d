"""I3D: Inception v1 with its kernels inflated to three dimensions.

    python -m jaxvid.main --config=configs/i3d.py
    python -m jaxvid.main --config=configs/i3d.py:ucf101 --config.data.root=/data/UCF101
    python -m jaxvid.main --config=configs/i3d.py:ucf101,init=i3d_pytorch \\
        --config.data.root=/data/UCF101 --config.init.path=rgb_imagenet.pt

Source: Wang, Jin, Yi: LI3D-BiLSTM, ICCK TETAI 1(1), 2024, sections 3.2 and 4.2, Tables 1 and 2.

What to expect. Embedded dataset (first command): 97.4 % top-1 on 420 test clips of seven actors
never seen in training (one seed), in four minutes on two busy CPU cores.

UCF101 (second command; `:ucf101,split=1..3,augment=true|false`, split 3 as in the paper): clips of
64x224x224, 12,279,984 parameters without the classifier. Accuracy not measured here; the paper
reports 0.82 without and 0.85 with augmentation.

The paper's choices: frame sampling, the three crops, 50 epochs; Inception v1's channel widths with
batch norm (it says "Inception-v2"; its parameter count is v1's). Ours, where it is silent: the
classifier acts on the mean of the feature steps; 64 frames, optimiser, rates, batch, dropout;
evaluation on the centred run and the centre crop. The paper starts from Kinetics weights, this
config from scratch, or with `init=` (third command) from weights that `jaxvid/pretrained` reads, by
the recipe for fine-tuning that `jaxvid/config/fields.py` states instead of the 50 epochs.
"""

from ml_collections import ConfigDict

from jaxvid import config as configs


def get_config(argument: str = "") -> ConfigDict:
    """Returns the config; `argument` is `jaxvid.config.for_dataset`'s: DATASET[,KEY=VALUE ...]."""
    config = configs.for_dataset(argument)
    config.name = "i3d"
    config.model.backbone = "i3d"
    config.model.factorised_stem = False
    config.model.encoder = "none"
    return config
