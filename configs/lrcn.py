"""LRCN: VGG-16 on every frame, its features read by an LSTM.

    python -m jaxvid.main --config=configs/lrcn.py
    python -m jaxvid.main --config=configs/lrcn.py:ucf101 --config.data.root=/data/UCF101

Source: Ou, Sun: Spatiotemporal information deep fusion network with frame attention mechanism for
video action recognition, J. Electronic Imaging, Table 1, where it is a row to compare with; Donahue
et al. 2015.

What to expect. Embedded dataset (first command): 95.2 % top-1 on 420 test clips of seven actors
never seen in training (one seed), in two minutes on two CPU cores.

UCF101 (last command; `:ucf101,split=1..3,augment=true|false`): clips of 17x224x224, 15,502,144
parameters without the classifier. Accuracy not measured here; the paper reports 82.9 %.

The paper's choices (of the deep fusion network's training, applied to this row): 17 frames at
intervals of 2 to 10, evaluated over the whole video (equations 13 and 14); 224x224; rates of 1e-5
for 140 epochs and 1e-6 for 46. Ours, where it is silent: VGG-16's conv5_3 averaged over space
instead of its fully connected layers, 256 LSTM units, mean over time, Adam, batches of 8, no weight
decay, crops, and UCF101's own splits instead of the paper's random 7:3. Donahue et al. start from
ImageNet weights, this config from scratch.
"""

from ml_collections import ConfigDict

from jaxvid import config as configs
from jaxvid.config import recipes


def get_config(argument: str = "") -> ConfigDict:
    """Returns the config; `argument` is `jaxvid.config.for_dataset`'s: DATASET[,KEY=VALUE ...]."""
    config = configs.for_dataset(argument, recipes.deep_fusion)
    config.name = "lrcn"
    config.model.backbone = "vgg16"
    config.model.encoder = "lstm"
    config.model.hidden = 64 if configs.is_small(config) else 256
    return config
