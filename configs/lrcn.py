"""LRCN: VGG-16 on every frame, an LSTM over its features.

    jaxvid train lrcn
    jaxvid train lrcn:ucf101 --config.data.root=/data/UCF101
    python -m jaxvid.main --config=configs/lrcn.py    # the first one in a checkout

Source: Ou, Sun: deep fusion network with frame attention, J. Electronic Imaging, Table 1, where it
is a row; Donahue et al. 2015.
Clips of 17x224x224, 138,718,016 parameters without the classifier. Results: docs/results.md.

The paper's: the fully connected layers before the LSTM (section 4.3: the first and the second go to
it; here FC6 leads to FC7 and FC7 to the LSTM), dropout 0.5 on them; the sampling and training of
deep_fusion.py. Ours: VGG-16 (Donahue et al. take CaffeNet, and FC6 or FC7), 256 LSTM units, the
mean over time; the rest as in deep_fusion.py. Donahue et al. start from ImageNet weights, this
config from scratch. On the embedded dataset conv5_3 is averaged over space instead.
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
    config.model.fully_connected = not configs.is_small(config)
    config.model.hidden = 64 if configs.is_small(config) else 256
    return config
