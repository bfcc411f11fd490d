"""Settings that several configs share: the papers' sampling and training, scales, fine-tuning.

Each function changes a config. The papers' have a form of their own for a small one.
"""

from ml_collections import ConfigDict

from jaxvid.config.fields import SMALL_SIZE, is_small


def deep_fusion(config: ConfigDict) -> None:
    """Frames at intervals and two phases of training: the deep fusion paper, sections 3.6 and 4.2.

    Its 17 steps, intervals of 2 to 10 frames, 4 flow frames around each, rates of 1e-5 for 140
    epochs and 1e-6 for 46. Ours: Adam, batches of 8, no decay, gradients clipped at 1, split 1.
    Small: 8 steps, and a rate and epochs for networks that start from nothing.
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
    after an epoch of warm-up, a decay of 1e-4, gradients clipped, frames, crops.
    """
    if is_small(config):
        return
    config.data.split = 1
    config.train.optimizer = "adam"
    config.train.learning_rate = 1e-3
    config.train.epochs = 100.0


def small(config: ConfigDict) -> None:
    """The scale of the embedded dataset, which two CPU cores train in minutes: all of it ours."""
    config.data.short_side = 54
    config.data.fps = 8.0
    config.data.num_frames = 16
    config.data.image_size = SMALL_SIZE
    config.data.flow.bound = 5.0  # the fastest limbs move 4 pixels a frame
    config.model.width = 0.25
    config.model.temporal_stride = 2
    config.model.factorised_stem = True  # learns faster at this size
    config.model.dropout = 0.0
    config.model.backbone_dropout = 0.0
    config.model.encoder_dropout = 0.0
    config.model.bn_momentum = 0.9
    config.train.batch_size = 16
    config.train.epochs = 14.0
    config.train.optimizer = "adam"
    config.train.learning_rate = 3e-3
    config.train.label_smoothing = 0.1
    config.train.warmup_epochs = 2.0
    config.train.log_every = 5
    config.train.eval_every = 4.0


def finetune(config: ConfigDict) -> None:
    """From pretrained weights: a public recipe for I3D with Kinetics weights on UCF101.

    Its clips of 64 frames, SGD with momentum 0.9, weight decay of 7e-7, learning rate of 8e-4 that
    falls in steps to 5e-5, 40 epochs; it reports 94.7 % on RGB and 96.3 % on flow (split 1). Ours,
    where it is silent: four equal steps of one half, no warm-up, Nesterov momentum, batches of 32,
    gradients clipped at 1, the head at the backbone's rate, no freezing. Paper A, which starts from
    Kinetics weights too, has 50 epochs and states no rate. A small config stays as it is.
    """
    if is_small(config):
        return
    config.data.num_frames = 64
    config.train.optimizer = "sgd"
    config.train.momentum = 0.9
    config.train.weight_decay = 7e-7
    config.train.epochs = 40.0
    config.train.learning_rate = 8e-4
    config.train.warmup_epochs = 0.0
    config.train.schedule = "step"
    config.train.step_epochs = (8.0, 16.0, 24.0, 32.0)
    config.train.step_factor = 0.5


def published(config: ConfigDict, backbone: str) -> None:
    """The published Kinetics-400 weights and all that they fix: backbone, clips, the crop.

    I3D as its authors trained it; LI3D of its kernels' best two factors, without norms between.
    """
    config.init.source = "kinetics400"
    config.data.short_side = 256
    config.data.fps = 0.0
    config.data.num_frames = 64
    config.data.image_size = 224
    config.data.augment = True
    config.model.backbone = backbone
    config.model.width = 1.0
    config.model.temporal_stride = 8
    config.model.kernel_order = "spatial_first"
    config.model.linear_factors = backbone == "li3d"
    config.model.factorised_stem = False


def head(config: ConfigDict) -> None:
    """All but the backbone, on features that are computed once per clip: all of it ours.

    Adam with 3e-3 and dropout of 0.5, for 40 passes over the clips.
    """
    config.model.dropout = 0.5
    config.train.optimizer = "adam"
    config.train.learning_rate = 3e-3
    config.train.schedule = "cosine"
    config.train.warmup_epochs = 0.0
    config.train.weight_decay = 1e-4
    config.train.label_smoothing = 0.0
    config.train.batch_size = 32
    config.train.epochs = 40.0
    config.train.freeze_backbone_epochs = 40.0
    config.train.feature_draws = 0
    config.train.eval_every = 10.0
    config.train.log_every = 10
    config.checkpoint.every = 20.0
