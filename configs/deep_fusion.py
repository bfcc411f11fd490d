"""VGG-16-3Dconv-2LSTM: deep fusion of appearance and motion with frame attention.

    jaxvid train deep_fusion
    jaxvid train deep_fusion:ucf101 --config.data.root=/data/UCF101
    python -m jaxvid.main --config=configs/deep_fusion.py    # the first one in a checkout

Source: Ou, Sun: deep fusion network with frame attention, J. Electronic Imaging, sections 3.2 to
3.6 and 4.2, Tables 1 and 2.
Clips of 17x224x224 with 4 flow frames around each, 188,756,221 parameters without the classifier
(the paper prints no count). Results: docs/results.md.

The paper's: the network, LN-LSTMs of width 101, dropout 0.5 after FC6 and 0.25 after the LSTMs; 17
frames at intervals of 2 to 10, evaluation over the whole video (equations 13 and 14), 224x224,
rates of 1e-5 for 140 epochs and 1e-6 for 46. Ours: a linear layer before the softmax, because a
hidden state alone keeps the cross-entropy above 2.67 (`--config.model.direct_logits=true` is
equation 12 as printed; the hidden width must be the number of classes); Adam, batches of 8, no
weight decay, gradients clipped at a norm of 1, crops, and UCF101's own splits instead of the
paper's random 7:3 by video (`--config.data.division=videos`). The right-hand variant of figure 3:
`--config.model.fuse_fc=true`. The paper starts from ImageNet weights, this config from scratch.
"""

from ml_collections import ConfigDict

from jaxvid import config as configs
from jaxvid.config import recipes


def get_config(argument: str = "") -> ConfigDict:
    """Returns the config; `argument` is `jaxvid.config.for_dataset`'s: DATASET[,KEY=VALUE ...]."""
    config = configs.for_dataset(argument, recipes.deep_fusion)
    config.name = "deep_fusion"
    config.data.modality = "rgb+flow"
    config.model.system = "deep_fusion"
    config.model.backbone = "conv_fusion"
    config.model.encoder = "ln_lstm"
    config.model.encoder_dropout = 0.25
    config.model.pooling = "last"
    config.model.hidden = 64 if configs.is_small(config) else 101
    return config
