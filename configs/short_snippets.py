"""Beyond short snippets: Inception v1 on every frame of RGB or flow, five LSTM layers or a maximum.

    jaxvid train short_snippets
    jaxvid train short_snippets:embedded,modality=flow
    jaxvid fuse runs/both runs/short_snippets_rgb-embedded runs/short_snippets_flow-embedded
    jaxvid train short_snippets --config.model.encoder=none --config.model.pooling=max
    jaxvid train short_snippets:ucf101 --config.data.root=/data/UCF101
    python -m jaxvid.main --config=configs/short_snippets.py    # the first one in a checkout

Source: Ou, Sun: deep fusion network with frame attention, J. Electronic Imaging, Table 1, where the
pair is a row; Ng et al., Beyond short snippets, CVPR 2015.
Clips of 17x224x224, of flow 4 frames around each as 8 channels; 17,137,200 parameters without the
classifier (flow: 17,152,880; with the maximum 5,592,624). Results: docs/results.md.

The paper's: spatial and temporal information are combined at the final predictive layer; the
sampling and training of deep_fusion.py. Ng et al.'s: five LSTM layers of 512 units, or the maximum
over time, on GoogLeNet's features. Ours: batch norm in it; the scores of all steps averaged
before the softmax, in training too; the maximum over the averaged features of each frame; the rest
as in vgg16.py. Ng et al. read up to 120 frames and start from ImageNet weights, this config from
scratch.
"""

from ml_collections import ConfigDict

from jaxvid import config as configs
from jaxvid.config import recipes


def get_config(argument: str = "") -> ConfigDict:
    """Returns the config; `argument`: DATASET[,modality=rgb|flow][,KEY=VALUE ...]."""
    config, chosen = configs.with_options(argument, recipes.deep_fusion, modality=("rgb", "flow"))
    config.name = f"short_snippets_{chosen['modality']}"
    config.data.modality = chosen["modality"]
    config.model.backbone = "inception2d"
    config.model.encoder = "lstm"
    config.model.encoder_layers = 5
    config.model.hidden = 64 if configs.is_small(config) else 512
    return config
