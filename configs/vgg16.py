"""VGG-16 on every frame, of RGB or of stacked flow: one stream of a two-stream ConvNet.

    python -m jaxvid.main --config=configs/vgg16.py
    python -m jaxvid.main --config=configs/vgg16.py:embedded,modality=flow
    python -m jaxvid.main --mode=fuse --workdir=runs/two_stream_convnet \\
        runs/vgg16_rgb-embedded runs/vgg16_flow-embedded
    python -m jaxvid.main --config=configs/vgg16.py:ucf101 --config.data.root=/data/UCF101

Source: Ou, Sun: Spatiotemporal information deep fusion network with frame attention mechanism for
video action recognition, J. Electronic Imaging, Table 1, where the pair of them is a row; Simonyan
and Zisserman 2014.

What to expect. Embedded dataset (first command): 76.9 % top-1 on 420 test clips of seven actors
never seen in training (one seed), in three minutes on two CPU cores. Single frames do not show the
order of time, which four of the ten classes differ by. Flow does: 99.5 % (second command), and both
fused 99.8 % (third command).

UCF101 (last command; `:ucf101,modality=rgb|flow,split=1..3,augment=true|false`): clips of 17x224x224,
flow with 4 frames around each as 8 channels; 14,714,688 parameters without the classifier (flow:
14,717,568). Accuracy not measured here; the paper reports 88.0 % for the pair.

The paper's choices (of the deep fusion network's training, applied to this row): 17 frames at
intervals of 2 to 10, evaluated over the whole video (equations 13 and 14); 224x224; rates of 1e-5
for 140 epochs and 1e-6 for 46; L = 4 flow frames, x and y, around each frame. Ours, where it is
silent: the scores of 17 frames are averaged before the softmax, in training too; VGG-16's conv5_3
averaged over space; Adam, batches of 8, no weight decay, crops, and UCF101's own splits instead of
the paper's random 7:3. Simonyan and Zisserman train on single frames and on 10 flow frames, from
ImageNet weights; this config starts from scratch.
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
