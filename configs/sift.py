"""SIFT descriptors of frames, aggregated by VLAD, a Fisher vector or BoF, and a linear SVM.

    jaxvid train sift:embedded,encoder=vlad
    jaxvid train sift:ucf101,encoder=fv --config.data.root=/data/UCF101
    python -m jaxvid.main --config=configs/sift.py    # the first one in a checkout

Source: Wang, Yi: soft correlation concatenation aggregation, ICCK TSCC 1(1), 2024, section 3.1,
Algorithms 1 to 3. Results: docs/results.md.

The paper's: OpenCV's SIFT, k-means or a Gaussian mixture, the three encodings. Ours: K = 128
clusters, which is the paper's choice for its soft aggregation; eight whole frames of a video,
equally spaced, and all their keypoints in one encoding; a threshold that finds twice the keypoints
of OpenCV's; RootSIFT; the norms that `jaxvid/classical/encodings.py` states (as printed:
`--config.sift.norm=whole` for VLAD, `none` for the others); a codebook of 50,000 descriptors of
training clips; an SVM for each class against the others, C = 1. Probabilities are softmaxed
margins, which rank and are not calibrated. The order of frames has no effect.

Fields of `config.data` that cut clips (fps, num_frames, image_size, augment), all of `config.train`
and the rest of `config.model` have no effect.
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
