"""I3D: Inception v1 with its kernels inflated to three dimensions.

    jaxvid train i3d
    jaxvid train i3d:ucf101 --config.data.root=/data/UCF101
    jaxvid train i3d:ucf101,init=i3d_pytorch --config.data.root=/data/UCF101 \\
        --config.init.path=rgb_imagenet.pt
    python -m jaxvid.main --config=configs/i3d.py    # the first one in a checkout

Source: Wang, Jin, Yi: LI3D-BiLSTM, ICCK TETAI 1(1), 2024, sections 3.2 and 4.2, Tables 1 and 2.
Clips of 64x224x224, 12,279,984 parameters without the classifier. Results: docs/results.md.

The paper's: UCF101's split 3, the sampling of frames, the three crops, 50 epochs; Inception v1's
channels with batch norm (it names "Inception-v2", but counts the parameters of v1). Ours: the
classifier acts on the mean of the feature steps; 64 frames, the optimiser, its rate, the batch,
decay, clipping, dropout; evaluation on the middle frames: their centre crop, or without
augmentation the whole frames, squeezed to a square. The paper starts from Kinetics weights, this
config from scratch, or with `init=` from published weights by `jaxvid.config.recipes.finetune`. The
paper prints 9,593 training videos; the official split 3 has 9,624.
"""

from ml_collections import ConfigDict

from jaxvid import config as configs


def get_config(argument: str = "") -> ConfigDict:
    """Returns the config; `argument` is `jaxvid.config.for_dataset`'s: DATASET[,KEY=VALUE ...]."""
    config = configs.for_dataset(argument)
    config.name = "i3d"
    config.model.backbone = "i3d"
    config.model.factorised_stem = False
    config.model.encoder = "none"
    return config
