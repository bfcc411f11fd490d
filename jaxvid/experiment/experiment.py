"""A run as its config describes it: a network, and the data to train or score it on."""

import logging
from dataclasses import dataclass, replace

from ml_collections import ConfigDict

from jaxvid import models, pretrained
from jaxvid.data import loading
from jaxvid.data.datasets import Dataset
from jaxvid.data.skeleton_files import FORMATS
from jaxvid.errors import UserError
from jaxvid.experiment.data import PreparedData
from jaxvid.experiment.network import Network, build_network, open_network
from jaxvid.runtime import distributed
from jaxvid.runtime.devices import Devices, compute_dtype
from jaxvid.skeletons import SKELETONS

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Experiment:
    """A network and its data, both of the same config."""

    network: Network
    data: PreparedData

    @property
    def config(self) -> ConfigDict:
        """The config of both."""
        return self.network.config

    @property
    def local(self) -> "Experiment":
        """The same on the devices of this process, for work without the other processes."""
        return replace(self, network=replace(self.network, devices=Devices(local=True)))

    def on(self, config: ConfigDict, dataset: Dataset) -> "Experiment":
        """The same under a config with another seed or split, which `dataset` has."""
        data = replace(self.data, config=config, dataset=dataset)
        network = replace(self.network, config=config)
        vars(network).update(shapes=self.network.shapes)
        return replace(self, network=network, data=data)

    def describe(self) -> str:
        """Returns three lines on the data, the model and the devices."""
        config, network = self.config, self.network
        counts = network.parameters
        clips = " and ".join(
            f"{name} {'x'.join(map(str, shape))}" for name, shape in network.clip_shapes.items()
        )
        steps = models.sequence_length(config.model, config.data.num_frames)
        return "\n".join(
            [
                f"{self.data.describe()}; clips of {clips}",
                f"model    {config.name or config.model.backbone}: {counts['parameters']:,} "
                f"parameters, {counts['parameters_without_classifier']:,} without the classifier; "
                f"{steps} feature steps",
                f"devices  {network.devices}, {compute_dtype(config.train.dtype)}",
            ]
        )


def open_experiment(config: ConfigDict, starts: bool = False, trains: bool = False) -> Experiment:
    """Reads the dataset's index, builds the network, and prepares the records that are missing.

    `starts`: a run is to begin, from the weights that `config.init` names, if any. `trains`:
    parameters are divided as in `config.train`. Raises UserError for a config whose parts do not
    fit each other, the dataset or those weights, before any video is decoded.
    """
    shards = config.train.shards if trains else 1
    # Here, for its errors: the embedded dataset is rendered before its classes are counted.
    devices = build_network(config, max(1, config.model.hidden), shards).devices
    devices.check_batch_size("train.batch_size", config.train.batch_size, config.train.accumulate)
    _warn_of_one_step(config)
    dataset = distributed.primary_first(
        lambda: loading.load(config.data, config.seed, config.model.skeleton)
    )
    if len(dataset.class_names) < 2:
        raise UserError(
            f"{dataset.name} has one class, {dataset.class_names[0]}: there must be two to tell "
            "apart"
        )
    _check_joints(config, dataset)
    network = open_network(config, len(dataset.class_names), shards)
    if starts and config.init.source:
        pretrained.load_for(config, network.shapes, dataset.class_names)
    if distributed.count() > 1:
        part = distributed.index() + 1, distributed.count()
        loading.prepare_part(dataset, config.data, part)
        distributed.wait_for_all()
    source = distributed.primary_first(lambda: loading.open_records(dataset, config.data))
    return Experiment(network, PreparedData(config, dataset, source))


def _check_joints(config: ConfigDict, dataset: Dataset) -> None:
    if config.data.modality != "skeleton" or not dataset.skeletons:
        return
    joints = FORMATS[dataset.skeletons].joints
    if SKELETONS[joints].joints != SKELETONS[config.model.skeleton].joints:
        raise UserError(
            f"config.model.skeleton={config.model.skeleton}: {dataset.name} has the joints of "
            f"{joints}"
        )


def _warn_of_one_step(config: ConfigDict) -> None:
    model, frames = config.model, config.data.num_frames
    over_time = (model.encoder, model.pooling) != ("none", "mean")
    if over_time and models.sequence_length(model, frames) == 1:
        logger.warning(
            "%d frames at temporal stride %d leave one feature step: an encoder or a pooling over "
            "time has nothing to do; take more frames or a smaller config.model.temporal_stride",
            frames,
            model.temporal_stride,
        )
