"""Every config field with its default and its meaning, and the scales of the datasets.

A config file in `configs/` starts from `for_dataset(argument)` and changes what its system changes.
"""

from collections.abc import Callable
from typing import Any

from ml_collections import ConfigDict

from jaxvid.config.names import DATASETS, SOURCES
from jaxvid.errors import UserError

SMALL_SIZE = 48  # pixels of a clip's side at the small scale


def default() -> ConfigDict:
    """Returns all fields, at the papers' scale where the papers fix one."""
    config = ConfigDict()
    config.name = ""  # the system's name, set by its config file; names the default workdir
    config.seed = 0  # initial parameters, dropout, which clips, their order, crops, start frames

    data = config.data = ConfigDict()
    data.dataset = "ucf101"  # embedded (rendered figures), or one that README.md lists
    data.root = ""  # folder of the dataset as distributed (csv: or the file); embedded: made
    data.cache = ""  # folder for rendered and prepared data; empty: the user's cache folder
    data.split = 1  # which of the official train/test splits, or of the random ones, from 1
    data.classes = ()  # names of the classes to use; empty: all
    data.clips_per_class = 0  # to train on, drawn by the seed; 0: all there are
    data.modality = "rgb"  # what a clip shows: rgb, flow (optical), rgb+flow or skeleton
    data.short_side = 256  # pixels of the short side of stored frames; smaller videos keep theirs
    data.jpeg_quality = 90  # of stored frames
    data.fps = 0.0  # frames per second to resample to before sampling; 0: the video's own
    data.num_frames = 64  # T, frames of a clip
    data.image_size = 224  # H and W of a clip, pixels
    data.augment = True  # one of the three crops and random frames, drawn per clip (paper A)
    data.mirror = False  # with augment: mirror half of the training clips
    data.sampling = "consecutive"  # frames of a clip: consecutive, or one each interval (paper C)
    data.intervals = (2, 10)  # sampling=interval: range of the training clips' interval, frames
    data.people = 2  # M, people read from a frame's skeletons
    data.workers = 0  # processes that prepare videos; 0: one per core
    data.part = ""  # i/n: this process does the i-th of n parts; empty: all
    data.check_only = False  # mode=prepare: decode all videos and report, and write no records
    data.threads = 0  # threads that decode clips while training; 0: one per core
    data.prefetch = 4  # batches decoded ahead

    flow = data.flow = ConfigDict()
    flow.method = "dis"  # dis, farneback, or tvl1 (with OpenCV's contrib modules)
    flow.bound = 20.0  # where flow is cut before it is stored in 8 bits, pixels of stored frames
    flow.stack = 1  # L, flow frames around each frame of a clip, as 2 L channels (paper C)

    embedded = data.embedded = ConfigDict()
    embedded.level = "easy"  # easy (muted backgrounds) or hard (busy backgrounds, distractors)
    embedded.groups = 25  # actors
    embedded.clips_per_group = 6  # clips of each actor in each class
    embedded.seed = 0  # of the rendered videos

    model = config.model = ConfigDict()
    model.system = "recognizer"  # recognizer (backbone, encoder, pooling), deep_fusion or sift
    model.backbone = "li3d"  # i3d, li3d, c3d; per frame: vgg16, inception2d; of rgb+flow:
    # two_stream, conv_fusion; of skeletons: st_gcn
    model.rgb_backbone = "i3d"  # of two_stream
    model.flow_backbone = "i3d"  # of two_stream
    model.fusion = "concat"  # of two_stream's features: concat or sum
    model.skeleton = "figure18"  # the graph of st_gcn: an entry of jaxvid/skeletons.py
    model.layers_per_stage = 3  # units in each of st_gcn's three stages
    model.width = 1.0  # multiplies the channels of the backbone
    model.temporal_stride = 8  # T / 8 feature steps (c3d: also 16); per-frame backbones have none
    model.kernel_order = "spatial_first"  # LI3D: 1x3x3 then 3x1x1, or temporal_first
    model.linear_factors = False  # LI3D: no batch norm and ReLU between the two
    model.factorised_stem = False  # the kernels before the Inception modules too
    model.fc_features = 4096  # units of conv_fusion's fully connected layers
    model.fuse_fc = False  # conv_fusion at the fully connected layer too (paper C, figure 3, right)
    model.fully_connected = False  # vgg16: FC6 and FC7 of each frame, not the mean over space
    model.authors_code = False  # st_gcn: a first unit without a shortcut, biases, as in its code
    model.image_norm = (
        "centred"  # what vgg16, c3d and conv_fusion see of RGB: centred (in [-1, 1]),
    )
    # imagenet (torchvision's means and deviations) or sports1m (blue first, less their means)
    model.padding = "same"  # at strides of inception2d, c3d and st_gcn: same (TensorFlow's), torch
    model.encoder = "bilstm"  # none, lstm, bilstm, gru, ln_lstm or transformer
    model.hidden = 64  # width of the encoder, per direction
    model.encoder_layers = 1  # layers of the encoder, one on the other
    model.pooling = "mean"  # mean, last, attention, soft_bof, soft_fv, soft_vlad or soft_concat
    model.clusters = 128  # K of the soft aggregations (paper B)
    model.aggregated = 64  # O, width of their output
    model.cluster_start = "data"  # fitted to training clips before the first step, or random
    model.direct_logits = False  # of deep_fusion: the last state is the logits (paper C, eq. 12)
    model.dropout = 0.5  # before the classifier
    model.backbone_dropout = 0.5  # inside c3d, conv_fusion, st_gcn and fully connected vgg16
    model.encoder_dropout = 0.25  # inside transformer, and of the outputs of ln_lstm
    model.bn_momentum = 0.99  # of the running batch statistics
    model.lowering = "auto"  # of convolutions: auto, native, decomposed, stacked or winograd
    model.remat = False  # Inception modules are computed again for the gradient, and not kept

    sift = config.sift = ConfigDict()  # read by the system sift alone
    sift.encoder = "vlad"  # bof, fv or vlad
    sift.clusters = 128  # K of the codebook (paper B)
    sift.frames = 8  # whole frames described per video, equally spaced over it
    sift.min_side = 120  # frames with a smaller short side are enlarged to it; 0: none is
    sift.contrast = 0.02  # threshold for keypoints: a smaller one finds more; OpenCV's own is 0.04
    sift.descriptors = 50_000  # that the codebook is fitted to
    sift.regularisation = 1.0  # C of the SVM: what a violated margin costs

    init = config.init = ConfigDict()
    init.source = ""  # of the weights to start from: an entry of jaxvid/pretrained; empty: random
    init.path = ""  # its file (of the source workdir: a folder)
    init.flow_path = ""  # i3d sources: the file for the flow stream of two_stream; empty: random
    init.flow_stem = "random"  # first layer of flow from ImageNet's: random, or mean (over RGB)

    train = config.train = ConfigDict()
    train.batch_size = 32  # clips of a step, over all devices
    train.accumulate = 1  # parts of a batch, taken one after the other to save memory
    train.shards = 1  # devices that hold one copy of parameters and optimiser state between them
    train.epochs = 50.0  # passes over the training clips
    train.dtype = "auto"  # of the computation: float32, bfloat16; auto: bfloat16 on GPU and TPU
    train.optimizer = "sgd"  # sgd (Nesterov momentum) or adam (decoupled weight decay)
    train.learning_rate = 0.01  # at its highest
    train.schedule = "cosine"  # cosine, step or constant
    train.warmup_epochs = 1.0  # linear, from zero
    train.step_epochs = ()  # epochs at which the step schedule multiplies the rate
    train.step_factor = 0.1  # by this
    train.momentum = 0.9  # sgd; adam takes 0.9 and 0.999
    train.weight_decay = 1e-4  # on kernels; biases and batch norm are spared
    train.label_smoothing = 0.0
    train.center_loss = 0.0  # weight of the center loss on the embedding; 0: none
    train.center_rate = 0.5  # of the centres' own update
    train.clip_norm = 1.0  # of the global gradient; 0: no clipping
    train.freeze_backbone_epochs = 0.0  # at the start, with the backbone as in evaluation
    train.head_rate = 1.0  # times the rate: of the head, which is all but the backbone
    train.freeze_batch_norm = False  # its running statistics serve and stay; scale and bias train
    train.log_every = 10  # steps between lines of metrics.jsonl
    train.eval_every = 1.0  # epochs between evaluations while training; 0: only at the end
    train.profile_steps = ""  # A:B: trace steps A to B - 1, from 1, into profile/; empty: none

    checkpoint = config.checkpoint = ConfigDict()
    checkpoint.every = 1.0  # epochs between checkpoints
    checkpoint.keep = 2  # latest ones kept; the best one is kept besides

    evaluation = config.eval = ConfigDict()
    evaluation.split = "test"  # which clips: test or train
    evaluation.batch_size = 32  # clips of a step, over all devices
    evaluation.views = 1  # equally spaced runs of frames of a video, scores averaged
    evaluation.checkpoint = "last"  # last, or best (by accuracy on eval.split while training)
    evaluation.shuffle_frames = False  # put each clip's frames in random order: does order matter?

    windows = config.windows = ConfigDict()  # of long videos: features, predict with --timeline
    windows.length = 0.0  # seconds; 0: a clip's T frames; sampling=interval: at the middle one
    windows.stride = 0.0  # seconds from a window's start to the next one's; 0: its length
    return config


Protocol = Callable[[ConfigDict], None]


def for_dataset(argument: str = "", protocol: Protocol | None = None) -> ConfigDict:
    """Returns the default config for a dataset.

    `argument` is what follows the colon on the command line:
    `DATASET[,split=N][,augment=BOOL][,scale=paper|small][,init=SOURCE]`; small is a scale that two
    CPU cores train in minutes. Without it: the embedded dataset, which is small unless another
    scale is named. `protocol` is one of `jaxvid.config.recipes`; it changes the defaults before the
    argument does. A SOURCE of `jaxvid.pretrained` sets config.init.source and, where there is no
    protocol, the recipe for fine-tuning. Raises UserError.
    """
    config, _ = with_options(argument, protocol)
    return config


def with_options(
    argument: str, protocol: Protocol | None = None, **options: tuple[str, ...]
) -> tuple[ConfigDict, dict[str, str]]:
    """Returns `for_dataset`'s config and the values of a config file's own options.

    `options` are the values that each one may have in `argument`, its default first: `encoder=vlad`
    after the dataset chooses one. Raises UserError.
    """
    dataset, *pairs = argument.split(",") if argument else ["embedded"]
    if dataset not in DATASETS:
        raise UserError(f"unknown dataset '{dataset}': one of {', '.join(DATASETS)}")
    config = default()
    config.data.dataset = dataset
    if dataset == "ucf101":
        config.data.split = 3  # paper A's
    if "scale=small" in pairs or (dataset == "embedded" and "scale=paper" not in pairs):
        _make_small(config)
    if protocol:
        protocol(config)
    chosen = {name: values[0] for name, values in options.items()}
    for pair in pairs:
        key, _, value = pair.partition("=")
        if pair in ("scale=small", "scale=paper"):
            continue
        if key == "split" and value.isdigit():
            config.data.split = int(value)
        elif key == "augment" and value in ("true", "false"):
            config.data.augment = value == "true"
        elif key == "init" and value in SOURCES:
            config.init.source = value
            if protocol is None:
                _finetune(config)
        elif value in options.get(key, ()):
            chosen[key] = value
        else:
            known = {
                "split": ("NUMBER",),
                "augment": ("true", "false"),
                "scale": ("paper", "small"),
                "init": tuple(SOURCES),
                **options,
            }
            wanted = ", ".join(f"{name}={'|'.join(values)}" for name, values in known.items())
            raise UserError(f"config argument '{pair}': one of {wanted} is wanted")
    return config, chosen


def is_small(config: ConfigDict) -> bool:
    """Says whether a config has the scale that two CPU cores train in minutes."""
    return config.data.image_size == SMALL_SIZE


def _make_small(config: ConfigDict) -> None:
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


def _finetune(config: ConfigDict) -> None:
    """From pretrained weights: a public recipe for I3D from Kinetics weights on UCF101.

    Its numbers: clips of 64 frames, SGD with momentum 0.9, a decay of 7e-7, a rate of 8e-4 that
    falls in steps to 5e-5, 40 epochs. It reports 94.7 % on RGB and 96.3 % on flow, split 1; not
    measured here. Ours, where it is silent or unknown: four equal steps, each to half; no warm-up,
    Nesterov's momentum, batches of 32, gradients clipped at 1, the head at the backbone's rate, no
    freezing. Paper A, which starts from Kinetics weights too, has 50 epochs and states no rate.
    Small: as from scratch.
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


def get(config: ConfigDict, field: str) -> Any:
    """Returns a field by its dotted name."""
    for part in field.split("."):
        config = config[part]
    return config


def flatten(config: ConfigDict, prefix: str = "") -> dict[str, Any]:
    """Returns a config as one level of dotted names."""
    flat: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, ConfigDict):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = list(value) if isinstance(value, tuple) else value
    return flat
