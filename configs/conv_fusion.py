"""Two-stream convolutional fusion: two VGG-16 towers, one 3D convolution over both, FC6.

    python -m jaxvid.main --config=configs/conv_fusion.py
    python -m jaxvid.main --config=configs/conv_fusion.py:ucf101 --config.data.root=/data/UCF101

Source: Ou, Sun: Spatiotemporal information deep fusion network with frame attention mechanism for
video action recognition, J. Electronic Imaging, section 3.2 and Table 1, where it is a row;
Feichtenhofer et al. 2016.

What to expect. Embedded dataset (first command): 100.0 % top-1 on 420 test clips of seven actors
never seen in training (one seed), in four minutes on two CPU cores.

UCF101 (last command; `:ucf101,split=1..3,augment=true|false`): clips of 17x224x224 with 4 flow
frames around each, 146,353,088 parameters without the classifier. Accuracy not measured here; the
paper reports 92.5 %.

The paper's choices: towers, interleaved channels and 3x3x3 convolution (equations 1 and 2), FC6 of
4096 with dropout 0.5; 17 frames at intervals of 2 to 10, evaluated over the whole video (equations
13 and 14); 224x224; rates of 1e-5 for 140 epochs and 1e-6 for 46. Ours: the mean of FC6 over time
and a linear layer, where Feichtenhofer et al. pool over time and keep a second tower; Adam, batches
of 8, no weight decay, crops, and UCF101's own splits instead of the paper's random 7:3. The paper
starts from ImageNet weights, this config from scratch. Fusion at the fully connected layer too:
`--config.model.fuse_fc=true`.
"""

from ml_collections import ConfigDict

from jaxvid import config as configs
from jaxvid.config import recipes


def get_config(argument: str = "") -> ConfigDict:
    """Returns the config; `argument` is `jaxvid.config.for_dataset`'s: DATASET[,KEY=VALUE ...]."""
    config = configs.for_dataset(argument, recipes.deep_fusion)
    config.name = "conv_fusion"
    config.data.modality = "rgb+flow"
    config.model.backbone = "conv_fusion"
    config.model.encoder = "none"
    config.model.dropout = 0.0  # FC6 has its own
    return config
