"""3D CNN with attention LSTM: I3D on RGB and on flow, stacked BiLSTM, attention, center loss.

    jaxvid train attention_lstm
    jaxvid train attention_lstm:ucf101 --config.data.root=/data/UCF101
    python -m jaxvid.main --config=configs/attention_lstm.py    # the first one in a checkout

Source: Nagaraju, Manchala: attention-based LSTM and 3D CNN, sections 4 and 5, Table 3.
64x224x224 clips and flow, 31,096,736 parameters without the classifier. Results: docs/results.md.

The paper's: two I3D whose features are concatenated, a stacked bidirectional LSTM, attention over
its outputs, cross-entropy and center loss; Adam with 1e-3, batches of 32, 100 epochs, the official
splits. Ours: two layers of 256 units per direction, additive attention, a center loss of weight
0.003 whose centers move at a rate of 0.5 (Wen et al. 2016), 64 consecutive frames, one flow frame
each, crops (the paper lists no augmentation), the schedule, decay, clipping, dropout. Without
attention: `--config.model.pooling=mean`; without center loss: `--config.train.center_loss=0.0`. The
paper starts from ImageNet and Kinetics weights, this config from scratch.
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
