"""3D CNN with attention LSTM: two I3D streams, stacked BiLSTM, attention, center loss.

    python -m jaxvid.main --config=configs/attention_lstm.py
    python -m jaxvid.main --config=configs/attention_lstm.py:ucf101 --config.data.root=/data/UCF101

Source: Nagaraju, Manchala: Hybrid Deep Learning Techniques for Video Processing using
attention-based LSTM and 3D CNN, sections 4 and 5, Table 3.

What to expect. Embedded dataset (first command): 99.8 % top-1 on 420 test clips of seven actors
never seen in training (one seed), in eight minutes on two busy CPU cores. Without center loss 97.6
%, with the mean over time instead of attention as well 99.0 %.

UCF101 (last command; `:ucf101,split=1..3,augment=true|false`): clips of 64x224x224 and their flow,
31,096,736 parameters without the classifier. Accuracy not measured here; the paper reports 99.25 %.

The paper's choices: two I3D streams whose features are concatenated, a stacked bidirectional LSTM,
attention over its outputs, cross-entropy plus center loss; Adam with 1e-3, batches of 32, 100
epochs, the official splits. Ours, where it is silent: two layers of 256 units per direction,
additive attention, a center loss of weight 0.003 whose centres move by their own update at a rate
of 0.5 (Wen et al. 2016), 64 consecutive frames, one flow frame each, crops. Without attention:
`--config.model.pooling=mean`; without center loss: `--config.train.center_loss=0.0`. The paper
starts from ImageNet and Kinetics weights, this config from scratch.
"""

from ml_collections import ConfigDict

from jaxvid import config as configs
from jaxvid.config import recipes


def get_config(argument: str = "") -> ConfigDict:
    """Returns the config; `argument` is `jaxvid.config.for_dataset`'s: DATASET[,KEY=VALUE ...]."""
    config = configs.for_dataset(argument, recipes.hybrid)
    config.name = "attention_lstm"
    config.data.modality = "rgb+flow"
    config.model.backbone = "two_stream"
    config.model.rgb_backbone = "i3d"
    config.model.flow_backbone = "i3d"
    config.model.encoder = "bilstm"
    config.model.encoder_layers = 2
    config.model.hidden = 64 if configs.is_small(config) else 256
    config.model.pooling = "attention"
    config.train.center_loss = 0.003
    if configs.is_small(config):
        config.train.epochs = 10.0
    return config
