"""Every config field with its default and its meaning."""

import inspect
import re
from typing import Any

from ml_collections import ConfigDict

SMALL_SIZE = 48  # pixels of a clip's side at the small scale


def default() -> ConfigDict:
    """Returns all fields, at the papers' scale where a paper states one."""
    config = ConfigDict()
    config.name = ""  # name of the system, set by its config file; names the default workdir
    config.seed = 0  # random seed of initial parameters, dropout, the order of clips and crops

    data = config.data = ConfigDict()
    data.dataset = "ucf101"  # name of the dataset; embedded is rendered by the program itself
    data.root = ""  # folder of the dataset's files (csv: the file); embedded needs none
    data.prefix = ""  # csv: folder that its paths are relative to, / for any; empty: the file's own
    data.cache = ""  # folder for rendered and prepared data; empty: the user's cache folder
    data.split = 1  # number of the official train/test split, the random one or the fold, from 1
    data.division = "own"  # into train and test: own (the dataset's lists; without any, groups),
    # groups or videos (7:3 at random by groups, or by videos whose groups are then on both sides)
    data.folds = 0  # folds of cross-validation, by group; -1: one for each group; 0: none
    data.validation = 0.0  # share of training groups to choose the best checkpoint on, up to 0.5
    data.classes = ()  # names of the classes to use; empty: all
    data.clips_per_class = 0  # training (and validation) clips of each class, by seed; 0: all
    data.modality = "rgb"  # rgb, flow (optical flow), rgb+flow or skeleton
    data.short_side = 256  # short side of stored frames, pixels; smaller videos keep their size
    data.jpeg_quality = 90  # JPEG quality of stored frames, 1 to 100
    data.fps = 0.0  # frame rate to which videos are resampled; 0: the video's own
    data.num_frames = 64  # frames of a clip (T)
    data.image_size = 224  # height and width of a clip, pixels
    data.augment = True  # train on a random one of three crops and random start frames
    data.mirror = False  # mirror half of the training clips; requires augment
    data.sampling = "consecutive"  # consecutive frames; interval: one frame of each interval; or
    # resampled: skeletons of the whole video, at num_frames equally spaced times
    data.intervals = (2, 10)  # shortest and longest interval of training clips, frames
    data.least_share = 0.5  # resampled: least share of a video in a training clip, up to 1
    data.skeleton_input = "joint"  # skeletons: joint, bone (a joint less its parent in the graph),
    # joint_motion or bone_motion (the next frame less this one)
    data.view_normalised = False  # skeletons in metres: from the body's front, its centre at 0
    data.rotation = 0.0  # skeletons in metres: turn training clips by up to this about each axis,
    # degrees; requires augment
    data.people = 2  # people read from each frame's skeletons (M)
    data.keypoint_score = 0.1  # folder, csv: joints that score lower are missing
    data.workers = 0  # processes that prepare videos; 0: one per core
    data.part = ""  # i/n: prepare the i-th of n parts only, such as 2/8; empty: all
    data.check_only = False  # prepare: decode and report all videos, but write no records
    data.threads = 0  # threads that decode clips; 0: one per core
    data.prefetch = 4  # batches decoded ahead

    flow = data.flow = ConfigDict()
    flow.method = "dis"  # dis, farneback, tvl1 (requires OpenCV's contrib modules), or files: read
    # from the images flow_x_*, flow_y_* beside a video's frames
    flow.bound = 20.0  # flow is cut at plus and minus this, pixels per stored frame (files: of
    # those images, which were cut at it)
    flow.stack = 1  # flow frames around each frame of a clip (L), as 2 L channels

    embedded = data.embedded = ConfigDict()
    embedded.level = "easy"  # easy (muted backgrounds) or hard (busy backgrounds, distractors)
    embedded.groups = 25  # actors
    embedded.clips_per_group = 6  # clips of each actor in each class
    embedded.seed = 0  # random seed of the rendered videos

    model = config.model = ConfigDict()
    model.system = "recognizer"  # recognizer (a choice of parts), deep_fusion (conv_fusion or vgg16
    # under three LSTMs: ln_lstm or lstm) or sift
    model.backbone = "li3d"  # of clips: i3d, li3d, c3d; of single frames: vgg16, inception2d;
    # of rgb+flow: two_stream, conv_fusion; of skeletons: st_gcn
    model.rgb_backbone = "i3d"  # two_stream: backbone of RGB
    model.flow_backbone = "i3d"  # two_stream: backbone of flow
    model.fusion = "concat"  # two_stream: concat or sum of the features
    model.skeleton = "figure18"  # st_gcn: the skeleton's graph, an entry of jaxvid/skeletons.py;
    # auto: that of the dataset, of folder and csv that of the first file
    model.partition = "spatial"  # st_gcn: which neighbours of a joint share weights: spatial,
    # distance, uniform, or powers (of the adjacency matrix, weighed)
    model.powers = 2  # st_gcn: highest power of the adjacency matrix, with the partition powers
    model.layers_per_stage = 3  # st_gcn: units in each of its three stages
    model.width = 1.0  # factor of the backbone's channels
    model.temporal_stride = 8  # input frames per feature step; c3d: also 16; not of single frames
    model.kernel_order = "spatial_first"  # li3d: 1x3x3 then 3x1x1, or temporal_first
    model.linear_factors = False  # li3d: no batch norm and ReLU between the two convolutions
    model.factorised_stem = False  # i3d, li3d: factorise the convolutions before the modules
    model.fc_features = 4096  # conv_fusion: units of the fully connected layers
    model.fuse_fc = False  # conv_fusion: fuse at the fully connected layer, too (figure 3)
    model.fully_connected = False  # vgg16: keep FC6 and FC7 instead of the mean over space
    model.authors_code = False  # st_gcn: as in its authors' code (no first shortcut; biases)
    model.image_norm = "centred"  # vgg16, c3d, conv_fusion: range of RGB: centred (-1 to 1),
    # imagenet (torchvision's means and deviations) or sports1m (BGR less its means)
    model.padding = "same"  # inception2d, c3d, st_gcn: padding of strides, same (TensorFlow), torch
    model.encoder = "bilstm"  # none, lstm, bilstm, gru, ln_lstm or transformer
    model.hidden = 64  # width of the encoder, per direction; 0: lstm, bilstm, gru: the features'
    model.encoder_layers = 1  # stacked layers of the encoder
    model.pooling = "mean"  # mean, max, last, attention, soft_bof, soft_fv, soft_vlad, soft_concat
    model.clusters = 128  # soft poolings: clusters (K)
    model.aggregated = 64  # soft poolings: width of the output (O)
    model.assignment_alpha = 1.0  # soft poolings: how sharply steps are assigned at the start
    # (alpha of equation 1); the assignment then learns, as equation 2
    model.aggregation_norm = "usual"  # soft poolings: L2 norm of the codes, usual (FV, VLAD: of
    # each cluster, then whole; BoF: whole), whole (paper B, Algorithm 3) or none (Algorithms 1, 2)
    model.cluster_start = "data"  # soft poolings: clusters start from training clips, or random
    model.direct_logits = False  # deep_fusion: the last state is the logits (equation 12)
    model.dropout = 0.5  # dropout rate before the classifier
    model.backbone_dropout = 0.5  # dropout rate inside c3d, conv_fusion, st_gcn and vgg16's FC6, 7
    model.encoder_dropout = 0.25  # dropout rate inside transformer, and after ln_lstm
    model.bn_momentum = 0.99  # momentum of the running statistics of batch norm
    model.lowering = "auto"  # form of convolutions: auto, native, decomposed, stacked or winograd
    model.remat = False  # save memory: compute Inception modules again for the gradient

    sift = config.sift = ConfigDict()
    sift.encoder = "vlad"  # bof, fv or vlad
    sift.clusters = 128  # clusters of the codebook (K)
    sift.norm = "usual"  # of the encodings: usual (VLAD: L2 of each centre, then whole; FV: signed
    # roots, then whole; BoF: whole), whole (paper B, Algorithm 3) or none (Algorithms 1, 2)
    sift.frames = 8  # frames described per video, equally spaced
    sift.min_side = 120  # frames with a smaller short side are enlarged to it, pixels; 0: none
    sift.contrast = 0.02  # threshold of keypoints: smaller finds more; OpenCV's default is 0.04
    sift.descriptors = 50_000  # descriptors to which the codebook is fitted
    sift.regularisation = 1.0  # cost of errors of the SVM (C)

    init = config.init = ConfigDict()
    init.source = ""  # format of published weights to start from; empty: random weights
    init.path = ""  # file of the weights (workdir: folder; kinetics400: empty for the package's)
    init.flow_path = ""  # two_stream from i3d sources: file of the flow weights; empty: random
    init.flow_stem = "random"  # first layer of flow: random, or mean (over ImageNet's RGB weights)

    train = config.train = ConfigDict()
    train.batch_size = 32  # clips per step, over all devices
    train.accumulate = 1  # parts of a batch that are computed one after the other, to save memory
    train.shards = 1  # devices that share one copy of the parameters and the optimiser's state
    train.epochs = 50.0  # passes over the training clips
    train.dtype = "auto"  # type of computation: float32, bfloat16; auto: bfloat16 on GPU and TPU
    train.optimizer = "sgd"  # sgd (Nesterov momentum) or adam (decoupled weight decay)
    train.learning_rate = 0.01  # highest learning rate
    train.schedule = "cosine"  # course of the learning rate: cosine, step or constant
    train.warmup_epochs = 1.0  # epochs in which the rate rises linearly from zero
    train.step_epochs = ()  # step schedule: epochs after which the rate changes
    train.step_factor = 0.1  # step schedule: factor of each change
    train.momentum = 0.9  # momentum of sgd; adam uses 0.9 and 0.999
    train.weight_decay = 1e-4  # weight decay of kernels, not of biases and batch norm
    train.label_smoothing = 0.0  # share of the target that is spread over all classes
    train.center_loss = 0.0  # weight of the center loss on the embedding; 0: none
    train.center_rate = 0.5  # rate at which the centers of the center loss move, up to 1
    train.clip_norm = 1.0  # largest norm of the whole gradient; 0: no limit
    train.freeze_backbone_epochs = 0.0  # epochs at the start in which only the head trains
    train.feature_draws = -1  # augmented clips per training video, beside the centred one, whose
    # features a frozen backbone computes once; -1: a new clip at every pass, through the backbone
    train.head_rate = 1.0  # factor of the learning rate of all but the backbone
    train.freeze_batch_norm = False  # keep running statistics and use them; scale and bias train
    train.log_every = 10  # steps between lines of metrics.jsonl
    train.balance = "none"  # loss: clips of rare classes weigh more in the loss; or none
    train.eval_every = 1.0  # epochs between evaluations while training; 0: only at the end
    train.patience = 0.0  # epochs without a better evaluation after which training ends; 0: never
    train.profile_steps = ""  # A:B: trace steps A to B - 1, from 1, into profile/; empty: none

    checkpoint = config.checkpoint = ConfigDict()
    checkpoint.every = 1.0  # epochs between checkpoints
    checkpoint.keep = 2  # latest checkpoints to keep, besides the best one

    evaluation = config.eval = ConfigDict()
    evaluation.split = "test"  # clips to evaluate: test, val or train
    evaluation.batch_size = 0  # clips at once, over all devices; 0: as many as fit, up to 32
    evaluation.views = 1  # clips per video, equally spaced, whose scores are averaged
    evaluation.crop = "auto"  # of each frame: center (the middle square), whole (scaled to a
    # square), or auto: center where data.augment, else whole
    evaluation.checkpoint = "last"  # last, or best (by accuracy while training: on the validation
    # clips where there are any, else on eval.split)
    evaluation.shuffle_frames = False  # shuffle each clip's frames: tests if their order matters

    windows = config.windows = ConfigDict()
    windows.length = 0.0  # length of a long video's windows, seconds; 0: a clip (middle interval)
    windows.stride = 0.0  # seconds between the starts of windows; 0: their length
    return config


def meanings() -> dict[str, str]:
    """Returns the meaning of every field by its dotted name: the comments of `default`."""
    prefixes, found, last = {"config": ""}, {}, ""
    for line in inspect.getsource(default).splitlines():
        code, _, comment = line.partition("# ")
        if match := re.match(r" +(?:(\w+) = )?(\w+)\.(\w+) = ", code):
            section, parent, name = match.groups()
            last = prefixes[parent] + name
            if section:
                prefixes[section] = f"{last}."
            else:
                found[last] = ""
        if comment and last in found:
            found[last] = f"{found[last]} {comment}".strip()
    return found


def is_small(config: ConfigDict) -> bool:
    """Returns whether a config has the scale that two CPU cores train in minutes."""
    return config.data.image_size == SMALL_SIZE


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
