"""Two-stream LSTM: VGG-16's last maps and its first fully connected layer, an LSTM over each.

    jaxvid train two_stream_lstm
    jaxvid train two_stream_lstm:ucf11 --config.data.root=/data/UCF11
    python -m jaxvid.main --config=configs/two_stream_lstm.py    # the first one in a checkout

Source: Ou, Sun: deep fusion network with frame attention, J. Electronic Imaging, Table 2, where it
is a row, and section 3.4, whose template it is; Gammulle et al., Two stream LSTM, WACV 2017.
Clips of 17x224x224, 159,881,456 parameters without the classifier. Results: docs/results.md.

The paper's: two LSTMs, on the last convolution's maps and on the first fully connected layer, and a
third on the states of both, whose last state is classified; the sampling and training of
deep_fusion.py. Ours: VGG-16 on RGB alone, plain LSTMs, and of deep_fusion.py their width, the
dropout and the linear layer before the softmax. From scratch.
"""

from ml_collections import ConfigDict

from jaxvid import config as configs
from jaxvid.config import recipes


def get_config(argument: str = "") -> ConfigDict:
    """Returns the config; `argument` is `jaxvid.config.for_dataset`'s: DATASET[,KEY=VALUE ...]."""
    config = configs.for_dataset(argument, recipes.deep_fusion)
    config.name = "two_stream_lstm"
    config.model.system = "deep_fusion"
    config.model.backbone = "vgg16"
    config.model.encoder = "lstm"
    config.model.encoder_dropout = 0.25
    config.model.pooling = "last"
    config.model.hidden = 64 if configs.is_small(config) else 101
    return config
