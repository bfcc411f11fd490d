"""Two-stream CNN: Inception v1 on every RGB frame and on every flow frame, features fused.

    python -m jaxvid.main --config=configs/two_stream.py
    python -m jaxvid.main --config=configs/two_stream.py:ucf101 --config.data.root=/data/UCF101

Source: Nagaraju, Manchala: Hybrid Deep Learning Techniques for Video Processing using
attention-based LSTM and 3D CNN, section 3.2; Simonyan and Zisserman 2014.

What to expect. Embedded dataset (first command): 100.0 % top-1 on 420 test clips of seven actors
never seen in training (one seed), in four and a half minutes on two CPU cores. By flow it sees the
order of time; the mean over RGB frames alone would not.

UCF101 (last command; `:ucf101,fusion=concat|sum,split=1..3,augment=true|false`): clips of
64x224x224 and their flow, 11,182,112 parameters without the classifier. Accuracy not measured here;
the paper reports none for it.

The paper's choices: the streams' features are concatenated (or summed: `:DATASET,fusion=sum`) and
pass one linear layer; Adam with 1e-3, batches of 32, 100 epochs, the official splits. Ours, where
it is silent: Inception v1 with batch norm in both streams, mean over time, 64 consecutive frames,
one flow frame each, crops.
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
