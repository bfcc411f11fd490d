"""Two-stream CNN: Inception v1 on every RGB frame and on every flow frame, features fused.

    jaxvid train two_stream
    jaxvid train two_stream:ucf101 --config.data.root=/data/UCF101
    jaxvid train two_stream:embedded,fusion=sum
    python -m jaxvid.main --config=configs/two_stream.py    # the first one in a checkout

Source: Nagaraju, Manchala: attention-based LSTM and 3D CNN, section 3.2; Simonyan and Zisserman
2014.
64x224x224 clips and flow, 11,182,112 parameters without the classifier. Results: docs/results.md.

The paper's: the features of both networks are concatenated or summed and pass one linear layer; for
its proposed system Adam with 1e-3, batches of 32, 100 epochs, the official splits. Ours: the mean
over time, one flow frame for each RGB frame; the rest as in cnn_lstm.py.
"""

from ml_collections import ConfigDict

from jaxvid import config as configs
from jaxvid.config import recipes


def get_config(argument: str = "") -> ConfigDict:
    """Returns the config; `argument`: DATASET[,fusion=concat|sum][,KEY=VALUE ...]."""
    config, chosen = configs.with_options(argument, recipes.hybrid, fusion=("concat", "sum"))
    config.name = "two_stream"
    config.data.modality = "rgb+flow"
    config.model.backbone = "two_stream"
    config.model.rgb_backbone = "inception2d"
    config.model.flow_backbone = "inception2d"
    config.model.fusion = chosen["fusion"]
    config.model.encoder = "none"
    if configs.is_small(config):
        config.train.epochs = 10.0
    return config
