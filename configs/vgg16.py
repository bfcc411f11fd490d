"""VGG-16 on every frame, of RGB or of stacked flow: one half of a two-stream ConvNet.

    jaxvid train vgg16
    jaxvid train vgg16:embedded,modality=flow
    jaxvid fuse --workdir=runs/two_stream_convnet runs/vgg16_rgb-embedded runs/vgg16_flow-embedded
    jaxvid train vgg16:ucf101 --config.data.root=/data/UCF101
    python -m jaxvid.main --config=configs/vgg16.py    # the first one in a checkout

Source: Ou, Sun: deep fusion network with frame attention, J. Electronic Imaging, Table 1, where the
pair is a row; Simonyan and Zisserman 2014.
Clips of 17x224x224, of flow 4 frames around each as 8 channels; 14,714,688 parameters without the
classifier (flow: 14,717,568). Results: docs/results.md.

The paper's: the sampling and training of deep_fusion.py; L = 4 flow frames, x and y, around each
frame. Ours: the scores of 17 frames are averaged before the softmax, in training too; VGG-16's
conv5_3 averaged over space; the rest as in deep_fusion.py. Simonyan and Zisserman train on single
frames and on 10 flow frames, from ImageNet weights; this config starts from scratch.
"""

from ml_collections import ConfigDict

from jaxvid import config as configs
from jaxvid.config import recipes


def get_config(argument: str = "") -> ConfigDict:
    """Returns the config; `argument`: DATASET[,modality=rgb|flow][,KEY=VALUE ...]."""
    config, chosen = configs.with_options(argument, recipes.deep_fusion, modality=("rgb", "flow"))
    config.name = f"vgg16_{chosen['modality']}"
    config.data.modality = chosen["modality"]
    config.model.backbone = "vgg16"
    config.model.encoder = "none"
    return config
