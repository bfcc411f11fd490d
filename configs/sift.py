"""SIFT descriptors of frames, aggregated by VLAD, a Fisher vector or BoF, and a linear SVM.

    python -m jaxvid.main --config=configs/sift.py:embedded,encoder=vlad
    python -m jaxvid.main --config=configs/sift.py:ucf101,encoder=fv --config.data.root=/data/UCF101

Source: Wang, Yi: Spatio-temporal Feature Soft Correlation Concatenation Aggregation Structure for
Video Action Recognition Networks, ICCK TSCC 1(1), 2024, section 3.1, Algorithms 1 to 3.

What to expect. Embedded dataset (first command; 420 test clips of seven actors never seen in
training, one seed), on two CPU cores busy with other work, besides rendering and preparing:

    encoder    top-1     six classes by look    four by order alone    time
    vlad       80.5 %    99 %                   52 %                   1 min 21 s
    fv         80.0 %    99 %                   51 %                   3 min 2 s
    bof        62.9 %    74 %                   46 %                   44 s

VLAD with `--config.seed=1`: 80.5 %; BoF with `--config.sift.clusters=1024`: 79.5 %. The columns
between are mean recalls. Descriptors show how frames look and not in which order they come: SitDown
and StandUp, PickUp and PutDown cannot be told apart (guessing within a pair gives 50 %), and
`--config.eval.shuffle_frames=true` changes nothing.

UCF101 (second command; `:ucf101,split=1..3,encoder=vlad|fv|bof`): accuracy not measured here.

The paper's choices: OpenCV's SIFT, k-means or a Gaussian mixture with K = 128 clusters, the three
encodings. Ours, where it is silent: eight whole frames of a video, equally spaced, and all their
keypoints in one encoding; a threshold that finds twice the keypoints of OpenCV's; RootSIFT; the
norms that `jaxvid/classical/encodings.py` states; a codebook of 50,000 descriptors of training
clips; an SVM for each class against the others, C = 1. Probabilities are softmaxed margins, which
rank and are not calibrated.

Fields of `config.data` that cut clips (fps, num_frames, image_size, augment) and all of
`config.train` and the rest of `config.model` are a network's and have no effect.
"""

from ml_collections import ConfigDict

from jaxvid import config as configs


def get_config(argument: str = "") -> ConfigDict:
    """Returns the config; `argument`: DATASET[,encoder=vlad|fv|bof][,KEY=VALUE ...]."""
    config, chosen = configs.with_options(argument, encoder=("vlad", "fv", "bof"))
    config.name = f"sift_{chosen['encoder']}"
    config.model.system = "sift"
    config.sift.encoder = chosen["encoder"]
    if configs.is_small(config):
        config.data.short_side = 240  # its videos as they are: keypoints need the detail
    return config
