"""VGG-16 on every frame, of RGB or of stacked flow: one half of a two-stream ConvNet.

    jaxvid train vgg16
    jaxvid train vgg16:embedded,modality=flow
    jaxvid fuse --workdir=runs/two_stream_convnet runs/vgg16_rgb-embedded runs/vgg16_flow-embedded
    jaxvid train vgg16:ucf101 --config.data.root=/data/UCF101
    python -m jaxvid.main --config=configs/vgg16.py    # the first one in a checkout

Source: Ou, Sun: deep fusion network with frame attention, J. Electronic Imaging, Table 1, where the
pair is a row; Simonyan and Zisserman 2014.
Clips of 17x224x224, of flow 4 frames around each as 8 channels; 134,260,544 parameters without the
classifier (flow: 134,263,424). Results: docs/results.md.

The paper's: VGG-16 with its fully connected layers, dropout 0.5 on them; the sampling and training
of deep_fusion.py; L = 4 flow frames, x and y, around each frame. Ours: the scores of 17 frames are
averaged before the softmax, in training too, and those of both networks after it; the rest as in
deep_fusion.py. Simonyan and Zisserman train a smaller network, on single frames and on 10 flow
frames, from ImageNet weights; this config starts from scratch. On the embedded dataset conv5_3 is
averaged over space instead of the fully connected layers.
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
    if not configs.is_small(config):
        config.model.fully_connected = True
        config.model.dropout = 0.0  # FC6 and FC7 have their own
    return config
