"""ST-GCN: convolutions over the graph of a skeleton and over time.

    jaxvid train st_gcn
    jaxvid train st_gcn:ntu60 --config.data.root=/data/NTU60
    jaxvid train st_gcn:folder,scale=small --config.data.root=my_poses    # of a pose estimator
    jaxvid train st_gcn:utd_mhad --config.data.root=/data/UTD-MHAD
    python -m jaxvid.main --config=configs/st_gcn.py    # the first one in a checkout

Source: Nagaraju, Manchala: attention-based LSTM and 3D CNN, section 3.5, which names ST-GCN and
cites another paper; Yan et al. 2018.
The paper's: graph convolutions over joints and time, and a linear layer. Its formula takes powers
of one adjacency matrix: config.model.partition=powers. Ours: the network of that name, Yan et
al.'s, with nine units, spatial configuration partitioning, learned edge weights; the mean over
people and joints, and over time. The embedded dataset gives rendered joints. Results:
docs/results.md. Recipes, of which only UTD-MHAD's was run on its data:

- NTU RGB+D (`:ntu60,split=1` cross-subject, 2 cross-view) and 120: Yan et al.'s SGD with 0.1; ours:
  a decay of 5e-4 (copies of their config have 1e-4), 100 frames, 100 epochs, cosine. 2 people, 25
  joints; 3,026,433 parameters without the classifier. `:kinetics_skeleton`: 150 frames, 18 joints,
  3,018,264 parameters.
- Northwestern-UCLA: those of CTR-GCN's authors (config/ucla/default.yaml): 52 frames, turns up to
  60 degrees, SGD with 0.1, batches of 16, 65 epochs of each sequence five times, a tenth of the
  rate after 50, a decay of 1e-4. Ours: turns about z, too, parts of a sequence for random frames of
  it, the normalised view for their range of -1 to 1.
- UTD-MHAD: all ours. Three units, 32 frames, 30 epochs; chosen with one seed on joints alone, by
  leaving out subject 1 or 5 of the four that train. MSR Action3D: the same, for want of a
  published one.
- `scale=small`: ours; 6 epochs of the embedded dataset, 30 of one's own skeletons, of which there
  are fewer.
"""

from ml_collections import ConfigDict

from jaxvid import config as configs
from jaxvid.config import recipes
from jaxvid.config.names import OWN
from jaxvid.data.skeleton_files import FORMATS


def get_config(argument: str = "") -> ConfigDict:
    """Returns the config; `argument` is `jaxvid.config.for_dataset`'s: DATASET[,KEY=VALUE ...]."""
    config = configs.for_dataset(argument, recipes.hybrid)
    config.name = "st_gcn"
    config.data.modality = "skeleton"
    config.model.backbone = "st_gcn"
    config.model.encoder = "none"
    config.model.dropout = 0.0  # its units have their own
    if config.data.dataset in FORMATS:
        config.model.skeleton = FORMATS[config.data.dataset].joints
    elif config.data.dataset in OWN:
        config.model.skeleton = "auto"
    if configs.is_small(config):
        config.train.epochs = 30.0 if config.data.dataset in OWN else 6.0  # of fewer clips
        return config
    config.model.temporal_stride = 4
    config.data.num_frames = 150 if config.data.dataset == "kinetics_skeleton" else 100
    config.train.optimizer = "sgd"
    config.train.learning_rate = 0.1
    config.train.weight_decay = 5e-4
    if config.data.dataset in RECIPES:
        RECIPES[config.data.dataset](config)
    return config


def kinect20(config: ConfigDict) -> None:
    """The recipe for one person of 20 joints: UTD-MHAD's, taken for MSR Action3D, too."""
    config.data.people = 1
    config.data.sampling = "resampled"
    config.data.num_frames = 32
    config.data.least_share = 0.9
    config.data.view_normalised = True
    config.data.rotation = 10.0
    config.model.width = 0.375
    config.model.layers_per_stage = 1
    config.model.temporal_stride = 4
    config.model.backbone_dropout = 0.0
    config.model.bn_momentum = 0.9
    config.train.batch_size = 16
    config.train.epochs = 30.0
    config.train.optimizer = "adam"
    config.train.learning_rate = 3e-3
    config.train.warmup_epochs = 3.0
    config.train.weight_decay = 1e-4
    config.train.label_smoothing = 0.1
    config.train.eval_every = 0.0
    config.checkpoint.every = 20.0


def northwestern_ucla(config: ConfigDict) -> None:
    """The recipe that CTR-GCN's authors publish for Northwestern-UCLA."""
    config.data.people = 1
    config.data.sampling = "resampled"
    config.data.num_frames = 52
    config.data.view_normalised = True
    config.data.rotation = 60.0
    config.train.batch_size = 16
    config.train.epochs = 325.0
    config.train.warmup_epochs = 25.0
    config.train.schedule = "step"
    config.train.step_epochs = (250.0,)
    config.train.weight_decay = 1e-4


RECIPES = {
    "utd_mhad": kinect20,
    "msr_action3d": kinect20,
    "northwestern_ucla": northwestern_ucla,
}
