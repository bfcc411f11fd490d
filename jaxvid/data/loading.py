"""From a config to its dataset, its records and how clips are cut from them."""

import logging
import os
from pathlib import Path

from ml_collections import ConfigDict

from jaxvid import files
from jaxvid.data import prepare
from jaxvid.data.datasets import Dataset, embedded, take_classes, ucf101
from jaxvid.data.pipeline import ClipSettings
from jaxvid.data.records import RecordSource
from jaxvid.errors import UserError

logger = logging.getLogger(__name__)


def cache_folder(data: ConfigDict) -> Path:
    """Returns the folder that rendered and prepared data go to."""
    if data.cache:
        return Path(data.cache).expanduser()
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "jaxvid"


def load(data: ConfigDict) -> Dataset:
    """Reads the index of the dataset that a config's `data` names. Raises UserError."""
    classes = tuple(name for entry in data.classes for name in entry.split(","))
    if data.dataset == "embedded":
        dataset = ucf101.read(_embedded_root(data, classes), data.split, name="embedded")
    elif not data.root:
        raise UserError(f"config.data.root is empty: where is {data.dataset}?")
    else:
        dataset = ucf101.read(Path(data.root).expanduser(), data.split)
    for path in dataset.missing[:10]:
        logger.warning("listed but not found: %s", dataset.folder / path)
    if dataset.missing:
        logger.warning(
            "%d of %d listed videos are not in %s; they are skipped",
            len(dataset.missing),
            len(dataset.missing) + len(dataset.clips),
            dataset.folder,
        )
    return take_classes(dataset, classes)


def open_records(dataset: Dataset, data: ConfigDict) -> RecordSource:
    """Prepares a dataset's videos where that is still to be done, and opens the records."""
    settings = prepare.Settings(data.short_side, data.jpeg_quality)
    cache = cache_folder(data) / "records"
    return RecordSource(prepare.prepare(dataset, settings, cache, data.workers))


def clip_settings(data: ConfigDict) -> ClipSettings:
    """Returns how a config cuts clips from videos."""
    return ClipSettings(data.num_frames, data.image_size, data.fps, data.augment)


def _embedded_root(data: ConfigDict, classes: tuple[str, ...]) -> Path:
    rendering = dict(data.embedded.items(), classes=list(classes or embedded.DEFAULT_CLASSES))
    root = Path(data.root).expanduser() if data.root else None
    if root is None:
        name = f"{data.embedded.level}-{files.fingerprint([embedded.FORMAT, rendering])}"
        root = cache_folder(data) / "embedded" / name
    try:
        return embedded.generate(root, workers=data.workers, **rendering)
    except ValueError as error:
        raise UserError(f"embedded dataset: {error}") from None
