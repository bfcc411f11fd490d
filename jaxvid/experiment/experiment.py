"""What a run is made of, as its config describes it: the data, the model, the devices."""

import logging
from dataclasses import dataclass, replace
from functools import cached_property

import jax
from ml_collections import ConfigDict

from jaxvid import models, pretrained
from jaxvid.data import loading
from jaxvid.data.datasets import Dataset, Video
from jaxvid.data.pipeline import ClipSettings, Reading
from jaxvid.data.records import PreparedDataset
from jaxvid.data.skeleton_files import FORMATS
from jaxvid.errors import UserError
from jaxvid.experiment.network import Network, open_network
from jaxvid.runtime import distributed
from jaxvid.runtime.devices import Devices, compute_dtype
from jaxvid.skeletons import SKELETONS

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Footage:
    """A dataset with its prepared records."""

    config: ConfigDict
    dataset: Dataset
    source: PreparedDataset

    def clips(self, split: str) -> list[Video]:
        """Returns the clips of a split whose videos could be decoded. Raises UserError for none."""
        clips = [c for c in self.dataset.split(split) if c.id in self.source]
        if not clips:
            raise UserError(f"{self.dataset.name} has no usable video in its {split} split")
        return clips

    def warn_of_classes(self) -> None:
        """Warns of classes that cannot be learned: without a usable training video."""
        trained = {c.label for c in self.dataset.split("train") if c.id in self.source}
        names = self.dataset.class_names
        lacking = [name for label, name in enumerate(names) if label not in trained]
        if lacking:
            logger.warning(
                "%d classes have no usable training video: %s",
                len(lacking),
                ", ".join(lacking[:10]),
            )

    def describe(self) -> str:
        """Returns how many classes and usable videos there are."""
        usable = [clip.split for clip in self.dataset.videos if clip.id in self.source]
        return (
            f"data     {self.dataset.name}, {len(self.dataset.class_names)} classes, "
            f"{usable.count('train')} training and {usable.count('test')} test videos"
        )


@dataclass(frozen=True)
class Experiment(Footage, Network):
    """A dataset with its prepared records, and the network to use on it."""

    @property
    def local(self) -> "Experiment":
        """The same on this process's devices, for what it does without the others."""
        return replace(self, devices=Devices(local=True))

    @property
    def clip_settings(self) -> ClipSettings:
        return loading.clip_settings(self.config.data)

    @property
    def reading(self) -> Reading:
        return Reading(
            self.config.data.threads,
            self.config.data.prefetch,
            jax.process_index(),
            jax.process_count(),
        )

    @cached_property
    def centers_shape(self) -> tuple[int, int]:
        """The shape of the center loss's centres: classes and the embedding's width (N, E)."""
        outputs = jax.eval_shape(
            lambda variables: self.model.apply(variables, self.blank_clip, train=False),
            self.shapes,
        )
        return len(self.dataset.class_names), outputs.embedding.shape[-1]

    def describe(self) -> str:
        """Returns what a user wants to see before hours are spent."""
        config, counts = self.config, self.parameters
        clips = " and ".join(
            f"{name} {'x'.join(map(str, shape))}" for name, shape in self.clip_shapes.items()
        )
        steps = models.sequence_length(config.model, config.data.num_frames)
        return "\n".join(
            [
                f"{super().describe()}; clips of {clips}",
                f"model    {config.name or config.model.backbone}: {counts['parameters']:,} "
                f"parameters, {counts['parameters_without_classifier']:,} without the classifier; "
                f"{steps} feature steps",
                f"devices  {self.devices}, {compute_dtype(config.train.dtype)}",
            ]
        )


def open_experiment(config: ConfigDict, starts: bool = False, trains: bool = False) -> Experiment:
    """Reads the dataset's index, prepares what is not prepared, and builds the model.

    `starts`: a run is to begin, from weights where `config.init` names some. `trains`: parameters
    are divided as `config.train` says. Raises UserError for what the config cannot mean, those
    weights included, before anything is decoded.
    """
    shards = config.train.shards if trains else 1
    # What is wrong with the parts should be said before any video is decoded, and the number of
    # classes is not yet known: the one that fits a network without a classifier.
    network = open_network(config, config.model.hidden, shards)
    network.devices.check_batch_size(
        "train.batch_size", config.train.batch_size, config.train.accumulate
    )
    steps = models.sequence_length(config.model, config.data.num_frames)
    if steps == 1 and (config.model.encoder, config.model.pooling) != ("none", "mean"):
        logger.warning(
            "%d frames at temporal stride %d leave one feature step: an encoder or a pooling over "
            "time has nothing to do; take more frames or a smaller config.model.temporal_stride",
            config.data.num_frames,
            config.model.temporal_stride,
        )
    dataset = distributed.first_before_others(lambda: loading.load(config.data, config.seed))
    if config.data.modality == "skeleton" and dataset.skeletons:
        joints = FORMATS[dataset.skeletons].joints
        if SKELETONS[joints].joints != SKELETONS[config.model.skeleton].joints:
            raise UserError(
                f"config.model.skeleton={config.model.skeleton}: {dataset.name} has the joints of "
                f"{joints}"
            )
    network = open_network(config, len(dataset.class_names), shards)
    if starts and config.init.source:
        pretrained.load(config, network.shapes, dataset.class_names)
    if distributed.count() > 1:
        part = distributed.index() + 1, distributed.count()
        loading.prepare_part(dataset, config.data, part)
        distributed.wait_for_all()
    source = distributed.first_before_others(lambda: loading.open_records(dataset, config.data))
    return Experiment(config, network.model, network.devices, dataset, source)
