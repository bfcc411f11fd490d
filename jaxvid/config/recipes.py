"""The papers' ways to sample and to train, which the configs of their systems share.

Each changes a config that `jaxvid.config` made; on the embedded dataset to a small form of itself.
"""

from ml_collections import ConfigDict

from jaxvid.config.fields import is_small


def deep_fusion(config: ConfigDict) -> None:
    """Frames at intervals and two phases of training: the deep fusion paper, sections 3.6 and 4.2.

    Its 17 steps, intervals of 2 to 10 frames, 4 flow frames around each, rates of 1e-5 for 140
    epochs and 1e-6 for 46. Ours: Adam, batches of 8, no decay, split 1. Small: 8 steps, and a rate
    and epochs for networks that start from nothing.
    """
    config.data.sampling = "interval"
    config.data.flow.stack = 4
    config.train.optimizer = "adam"
    if is_small(config):
        config.data.fps = 0.0
        config.data.num_frames = 8
        config.data.intervals = (2, 6)
        config.model.width = 0.125
        config.train.learning_rate = 1e-3
        return
    config.data.split = 1
    config.data.num_frames = 17
    config.train.batch_size = 8
    config.train.epochs = 186.0
    config.train.learning_rate = 1e-5
    config.train.schedule = "step"
    config.train.step_epochs = (140.0,)
    config.train.warmup_epochs = 0.0
    config.train.weight_decay = 0.0


def hybrid(config: ConfigDict) -> None:
    """Adam and 100 epochs: the paper on 3D CNN with attention LSTM, section 5.2.

    Its Adam with 1e-3, batches of 32, an official split: the first. Ours: a cosine fall of the rate
    after an epoch of warm-up, a decay of 1e-4, frames, crops.
    """
    if is_small(config):
        return
    config.data.split = 1
    config.train.optimizer = "adam"
    config.train.learning_rate = 1e-3
    config.train.epochs = 100.0
