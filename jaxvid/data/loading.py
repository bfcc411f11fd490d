"""From a config to its dataset, its records and how clips are cut from them."""

import importlib
import logging
from dataclasses import replace
from pathlib import Path

from ml_collections import ConfigDict

from jaxvid.config.names import DATASETS, OWN
from jaxvid.data import flow
from jaxvid.data.clip_cutting import ClipSettings
from jaxvid.data.datasets import (
    Dataset,
    csv_file,
    each_once,
    folder,
    folds,
    layout,
    splitting,
    take_classes,
)
from jaxvid.data.modalities import Flow, Modality, Rgb, Skeletons
from jaxvid.data.own_skeletons import OwnSkeletons
from jaxvid.data.prepare import preparation
from jaxvid.data.records import PreparedDataset, RecordSource
from jaxvid.data.skeleton_files import FORMATS, POSES, pose_files
from jaxvid.data.skeleton_input import SkeletonInput
from jaxvid.data.video import VideoError
from jaxvid.errors import UserError, user_cache
from jaxvid.runtime import files
from jaxvid.skeletons import SKELETONS

MODULES = {"csv": "csv_file"}  # of datasets whose module has another name than they have
POSE_FILES = layout.Clips(
    pose_files.clips_among,
    f"file of joints ({', '.join(pose_files.SUFFIXES)}, or a folder of frames)",
    "NAME_0_keypoints.json",
)

logger = logging.getLogger(__name__)


def cache_folder(data: ConfigDict) -> Path:
    """Returns the folder that rendered and prepared data go to."""
    if data.cache:
        return Path(data.cache).expanduser()
    return user_cache()


def load(data: ConfigDict, seed: int = 0, skeleton: str = "auto") -> Dataset:
    """Reads the index of the dataset that a config's `data` names, and divides it.

    `seed` draws the training videos where `data` asks for a number of each class. `skeleton`: that
    of joints in one's own files; auto: found in the first one. Warns of classes that a fold does
    not test. Raises UserError.
    """
    dataset = _index(data)
    for path in dataset.missing[:10]:
        logger.warning("listed but not found: %s", dataset.folder / path)
    if dataset.missing:
        counts = len(dataset.missing), len(dataset.missing) + len(dataset.videos)
        logger.warning(
            "%d of %d listed videos are not in %s; they are skipped", *counts, dataset.folder
        )
    if _reads_poses(data):
        found = _first_skeleton(dataset) if skeleton == "auto" else skeleton
        dataset = replace(dataset, skeletons=POSES + found)
    dataset = divide(dataset, data, seed)
    if data.folds and (names := folds.not_tested(dataset)):
        logger.warning("fold %d has no test video of class %s", data.split, ", ".join(names))
    return dataset


def skeleton_of(data: ConfigDict) -> str:
    """Returns the entry of `SKELETONS` that a config's dataset has. Raises UserError."""
    if data.dataset in FORMATS:
        return FORMATS[data.dataset].joints
    if not _reads_poses(data):
        raise UserError(f"config.model.skeleton=auto: {data.dataset} has no skeletons")
    return _first_skeleton(_index(data))


def _reads_poses(data: ConfigDict) -> bool:
    return data.dataset in OWN and data.modality == "skeleton"


def _first_skeleton(dataset: Dataset) -> str:
    reason = ""
    for video in dataset.videos:
        try:
            return pose_files.read(dataset.folder / video.path)[1]
        except (VideoError, OSError) as error:
            reason = reason or f"{video.id}: {error}"
    raise UserError(f"none of the {len(dataset.videos)} files of joints can be read; {reason}")


def divide(dataset: Dataset, data: ConfigDict, seed: int = 0) -> Dataset:
    """Returns a dataset with its videos on the sides of the split that a config's `data` describes.

    First the folds or the random division, then the training videos of each class that `seed`
    draws, then of these the validation videos. Raises UserError where it cannot be divided so.
    """
    if data.folds:
        dataset = folds.tested(dataset, data.folds, data.split)
    videos = dataset.videos
    if data.division != "own":
        by_group = data.division == "groups"
        videos = splitting.at_random(videos, data.split, dataset.name, by_group)
    if data.clips_per_class:
        videos = splitting.few(videos, data.clips_per_class, seed, dataset.name)
    if data.validation and not any(video.split == "val" for video in videos):
        videos = splitting.validated(videos, data.validation, data.split, dataset.name)
    return replace(dataset, videos=videos)


def _index(data: ConfigDict) -> Dataset:
    split = data.split if data.division == "own" and not data.folds else 1
    classes = tuple(name for entry in data.classes for name in entry.split(","))
    if data.dataset == "embedded":
        dataset = _embedded(data, classes, split)
    elif not data.root:
        raise UserError(f"config.data.root is empty: where is {data.dataset}?")
    else:
        root = Path(data.root).expanduser()
        if data.prefix:
            dataset = csv_file.read(root, split, Path(data.prefix).expanduser())
        elif data.dataset == "folder":
            dataset = folder.read(root, split, clips_of(data))
        else:
            dataset = read(data.dataset, root, split)
        if set(data.classes) <= set(dataset.class_names):  # whose names may have commas
            classes = tuple(data.classes)
    return take_classes(each_once(dataset), classes)


def clips_of(data: ConfigDict) -> layout.Clips:
    """Returns what counts as a clip of a config's modality in folders."""
    if data.modality != "skeleton":
        return layout.VIDEOS
    if _reads_poses(data):
        return POSE_FILES
    suffix = FORMATS[data.dataset].clip_suffix if data.dataset in FORMATS else ""
    return layout.ending_in(suffix) if suffix else layout.VIDEOS


def read(name: str, root: Path, split: int) -> Dataset:
    """Reads a dataset as distributed, by its module in `jaxvid.data.datasets`. Raises UserError."""
    module = importlib.import_module(f"jaxvid.data.datasets.{MODULES.get(name, name)}")
    return module.read(root, split)


def _embedded(data: ConfigDict, classes: tuple[str, ...], split: int) -> Dataset:
    """Renders the embedded dataset unless it is there, and reads it, which has UCF101's layout."""
    from jaxvid.data.datasets import embedded, ucf101

    rendering = dict(data.embedded.items(), classes=list(classes or embedded.DEFAULT_CLASSES))
    root = Path(data.root).expanduser() if data.root else None
    if root is None:
        name = f"{data.embedded.level}-{files.fingerprint([embedded.FORMAT, rendering])}"
        root = cache_folder(data) / "embedded" / name
    try:
        root = embedded.generate(root, workers=data.workers, **rendering)
    except ValueError as error:
        raise UserError(f"embedded dataset: {error}") from None
    return replace(ucf101.read(root, split, name="embedded"), skeletons="embedded")


def without_videos(config: ConfigDict, class_names: tuple[str, ...]) -> Dataset:
    """Returns a config's dataset without its videos: what is known where they are not available."""
    data = config.data
    skeletons = data.dataset if data.dataset in FORMATS else ""
    if _reads_poses(data):
        skeletons = POSES + config.model.skeleton
    return Dataset(data.dataset, Path(), class_names, videos=(), skeletons=skeletons)


def open_records(dataset: Dataset, data: ConfigDict) -> PreparedDataset:
    """Prepares the modalities of a dataset's videos unless that is done, and opens them.

    Raises UserError where the dataset or this installation does not have a modality.
    """
    sources = []
    for modality in modalities(dataset, data):
        folder = preparation.prepare(dataset, modality, records_folder(data), data.workers)
        sources.append(RecordSource(folder, modality))
    return PreparedDataset(sources)


def prepare_part(dataset: Dataset, data: ConfigDict, part: tuple[int, int]) -> None:
    """Prepares the i-th of n parts, `part` being (i, n), of what `open_records` opens."""
    for modality in modalities(dataset, data):
        preparation.prepare_part(dataset, modality, records_folder(data), part, data.workers)


def records_folder(data: ConfigDict) -> Path:
    """Returns the folder that prepared data goes to."""
    return cache_folder(data) / "records"


def modalities(dataset: Dataset, data: ConfigDict) -> list[Modality]:
    """Returns the modalities that a config's clips have.

    Raises UserError where the dataset or this installation does not have one.
    """
    return [_modality(name, dataset, data) for name in modality_names(data)]


def modality_names(data: ConfigDict) -> list[str]:
    """Returns the names of the modalities that a config's clips have."""
    return data.modality.split("+")


def _modality(name: str, dataset: Dataset, data: ConfigDict) -> Modality:
    if name == "skeleton":
        if not dataset.skeletons:
            raise UserError(
                f"config.data.modality=skeleton: {dataset.name} has no skeletons; "
                f"config.data.dataset={', '.join(d for d in DATASETS if d in FORMATS)} have, and "
                f"{' and '.join(OWN)} may have"
            )
        if dataset.skeletons.startswith(POSES):
            return OwnSkeletons(dataset.skeletons, data.people, score=data.keypoint_score)
        return Skeletons(dataset.skeletons, data.people)
    if dataset.skeletons and not FORMATS[dataset.skeletons].suffix:
        raise UserError(
            f"config.data.modality={data.modality}: {dataset.name} has joints and no videos; "
            f"--config=configs/st_gcn.py:{dataset.name} reads them"
        )
    if name == "rgb":
        return Rgb(data.short_side, data.jpeg_quality)
    flow.check_method(data.flow.method)
    return Flow(data.short_side, data.jpeg_quality, data.flow.method, data.flow.bound)


def clip_settings(config: ConfigDict) -> ClipSettings:
    """Returns how a config cuts clips from videos."""
    data = config.data
    return ClipSettings(
        num_frames=data.num_frames,
        image_size=data.image_size,
        fps=data.fps,
        augment=data.augment,
        intervals=tuple(data.intervals) if data.sampling == "interval" else None,
        least_share=data.least_share if data.sampling == "resampled" else None,
        joints=SkeletonInput(data.skeleton_input, data.view_normalised, data.rotation),
        mirror=data.mirror,
        crop=config.eval.crop,
        flow_stack=data.flow.stack,
    )


def clip_shapes(data: ConfigDict, skeleton: str) -> dict[str, tuple[int, ...]]:
    """Returns the shape of each modality of a clip, without the axis of the batch."""
    picture = (data.num_frames, data.image_size, data.image_size)
    shapes = {"rgb": (*picture, 3), "flow": (*picture, 2 * data.flow.stack)}
    if "skeleton" in modality_names(data):
        shapes["skeleton"] = (data.num_frames, data.people, len(SKELETONS[skeleton].joints), 3)
    return {name: shapes[name] for name in modality_names(data)}
