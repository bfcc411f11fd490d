"""LI3D-BiLSTM: LI3D's feature steps read in both directions.

    python -m jaxvid.main --config=configs/li3d_bilstm.py
    python -m jaxvid.main --config=configs/li3d_bilstm.py:ucf101 --config.data.root=/data/UCF101
    python -m jaxvid.main --config=configs/li3d_bilstm.py:ucf101,init=i3d_pytorch \\
        --config.model.linear_factors=true --config.data.root=/data/UCF101 \\
        --config.init.path=rgb_imagenet.pt

Source: Wang, Jin, Yi: LI3D-BiLSTM, ICCK TETAI 1(1), 2024, sections 3.2 and 3.3, Table 3.

What to expect. Embedded dataset (first command): 95.5 % top-1 on 420 test clips of seven actors
never seen in training, and 97.4, 97.1, 96.4 and 96.2 % with `--config.seed=1` to 4; 6 min 28 s the
first time on two CPU cores (rendering, preparing and compiling included). With seed 1 recall on
the four classes that differ by the order of time alone is 99 %; with each test clip's frames
shuffled (`--mode=eval --workdir=... --config.eval.shuffle_frames=true`) 46 %, where guessing
between the two of a pair gives 50 %.

UCF101 (second command; `:ucf101,split=1..3,augment=true|false`, split 3 as in the paper): clips of
64x224x224, 8,595,120 parameters without the classifier. Accuracy not measured here; the paper
reports 0.90 with augmentation.

The paper's choices: frame sampling, the three crops, 50 epochs; the backbone and a bidirectional
LSTM over its 1024-wide steps. Ours, where it is silent: 64 units per direction, mean over time,
then a linear layer; 64 frames, optimiser, rates, batch, dropout; evaluation on the centred run and
the centre crop. The paper starts from Kinetics weights, this config from scratch, or with `init=`
(third command) from weights that `jaxvid/pretrained` reads, by the recipe for fine-tuning that
`jaxvid/config/fields.py` states instead of the 50 epochs. The first command's network also
factorises the 7x7x7 and 3x3x3 kernels before the modules, which learns faster at its size.
"""

from ml_collections import ConfigDict

from jaxvid import config as configs


def get_config(argument: str = "") -> ConfigDict:
    """Returns the config; `argument` is `jaxvid.config.for_dataset`'s: DATASET[,KEY=VALUE ...]."""
    config = configs.for_dataset(argument)
    config.name = "li3d_bilstm"
    config.model.backbone = "li3d"
    config.model.encoder = "bilstm"
    return config
