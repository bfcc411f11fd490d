"""The data of a run: a dataset and the records that its videos were prepared into."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import jax
from ml_collections import ConfigDict

from jaxvid.data import loading, pipeline
from jaxvid.data.clip_cutting import ClipSettings
from jaxvid.data.datasets import Dataset, Video, splitting
from jaxvid.data.pipeline import Reading
from jaxvid.data.records import PreparedDataset
from jaxvid.errors import UserError

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class PreparedData:
    """A dataset with its prepared records, and how a config cuts clips from them."""

    config: ConfigDict
    dataset: Dataset
    source: PreparedDataset

    def clips(self, split: str) -> list[Video]:
        """Returns the clips of a split whose videos could be decoded. Raises UserError for none."""
        clips = self.usable(split)
        if not clips:
            hint = "; config.data.validation makes one" if split == "val" else ""
            raise UserError(f"{self.dataset.name} has no usable video in its {split} split{hint}")
        return clips

    @property
    def selection_split(self) -> str:
        """The split that is scored while training, on which `best` is chosen: val, if any."""
        return "val" if self.dataset.split("val") else self.config.eval.split

    def usable(self, split: str) -> list[Video]:
        """Returns the clips of a split whose videos could be decoded, maybe none."""
        return [clip for clip in self.dataset.split(split) if clip.id in self.source]

    def train_batches(self, clips: list[Video], first: int, last: int) -> Iterator[dict[str, Any]]:
        """Yields the training batches `first` to `last - 1`, as `pipeline.train_batches` does."""
        size, seed = self.config.train.batch_size, self.config.seed
        return pipeline.train_batches(
            self.source, clips, self.clip_settings, size, seed, first, last, self.reading
        )

    def eval_batches(
        self, clips: list[Video], views: int, size: int, shuffle_seed: int | None = None
    ) -> Iterator[dict[str, Any]]:
        """Yields clips in order, `size` at a time, as `pipeline.eval_batches` does."""
        return pipeline.eval_batches(
            self.source, clips, self.clip_settings, size, views, self.reading, shuffle_seed
        )

    @property
    def ahead(self) -> int:
        """The batches in memory at a time: ahead, decoded, stacked, computed, and the next one."""
        return int(self.config.data.prefetch) + 4

    @property
    def clip_settings(self) -> ClipSettings:
        """How clips are cut from videos."""
        return loading.clip_settings(self.config)

    @property
    def reading(self) -> Reading:
        """How this process reads its share of the clips."""
        data = self.config.data
        return Reading(data.threads, data.prefetch, jax.process_index(), jax.process_count())

    def warn_of_classes(self) -> None:
        """Logs the classes that cannot be learned: without a usable training video."""
        trained = {clip.label for clip in self.usable("train")}
        names = self.dataset.class_names
        lacking = [name for label, name in enumerate(names) if label not in trained]
        if lacking:
            logger.warning(
                "%d classes have no usable training video: %s",
                len(lacking),
                ", ".join(lacking[:10]),
            )

    def describe(self) -> str:
        """Returns one line: the numbers of classes and of usable videos."""
        counts = splitting.described({side: len(self.usable(side)) for side in splitting.SIDES})
        classes = len(self.dataset.class_names)
        return f"data     {self.dataset.name}, {classes} classes, {counts} videos"
