"""Two-stream convolutional fusion: two VGG-16, one 3D convolution over both, FC6.

    jaxvid train conv_fusion
    jaxvid train conv_fusion:ucf101 --config.data.root=/data/UCF101
    python -m jaxvid.main --config=configs/conv_fusion.py    # the first one in a checkout

Source: Ou, Sun: deep fusion network with frame attention, J. Electronic Imaging, section 3.2 and
Table 1, where it is a row; Feichtenhofer et al. 2016.
Clips of 17x224x224 with 4 flow frames around each, 146,353,088 parameters without the classifier.
Results: docs/results.md.

The paper's: both networks, interleaved channels and a 3x3x3 convolution (equations 1 and 2), FC6 of
4096 with dropout 0.5; the sampling and training of deep_fusion.py. Ours: the mean of FC6 over time
and a linear layer, where Feichtenhofer et al. pool over time and keep a second network; the rest as
in deep_fusion.py. Fusion at the fully connected layer, too: `--config.model.fuse_fc=true`. The
paper starts from ImageNet weights, this config from scratch.
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
