"""The videos that a command line names: files, folders of them, folders of frames, files of joints.

What is wrong with one is kept beside the others, so that those are answered.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from jaxvid.data import loading
from jaxvid.data.datasets import layout
from jaxvid.data.modalities import Modality
from jaxvid.data.skeleton_files import FORMATS
from jaxvid.data.video import IMAGE_SUFFIXES, VideoError
from jaxvid.errors import UserError
from jaxvid.runtime import process_pool, read_ahead

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Inputs:
    """What was found: each video's path with its path below what was named, and what is wrong."""

    videos: dict[Path, Path]
    wrong: dict[Path, str]


def find(paths: Iterable[str], config: ConfigDict) -> Inputs:
    """Returns the files among `paths`, and the videos below its folders.

    Each once, in the order of `paths`, by name within a folder, without hidden ones. Below a folder
    are taken: files whose suffix is of a video and folders that hold frames and no video; for a
    model that reads files of joints, those. Raises UserError where no path is given.
    """
    suffix = _joints_suffix(config)
    videos: dict[Path, Path] = {}
    wrong: dict[Path, str] = {}
    for path in map(Path, paths):
        if path.is_dir():
            inside = list(_joints(path, suffix) if suffix else _videos(path))
            if not inside:
                kinds = suffix or f"{', '.join(layout.VIDEO_SUFFIXES)} or holds frames"
                wrong[path] = f"it holds no video: nothing there ends in {kinds}"
            for each in inside:
                below = each.relative_to(path) if each != path else Path(_last_name(path))
                videos.setdefault(each, below)
        elif not path.exists():
            wrong[path] = "it does not exist"
        elif suffix and layout.is_video(path.name):
            wrong[path] = f"the model reads joints, from files that end in {suffix}, and no videos"
        else:
            videos.setdefault(path, Path(path.name))
    if not videos and not wrong:
        raise UserError("no video is named: name files or folders of them")
    return Inputs(videos, wrong)


def _last_name(path: Path) -> str:
    return path.name or path.resolve().name


def _joints_suffix(config: ConfigDict) -> str:
    """Returns what the clips' files end in where the model reads joints without videos, or ""."""
    if config.data.modality != "skeleton" or config.data.dataset not in FORMATS:
        return ""
    return FORMATS[config.data.dataset].clip_suffix


def _joints(folder: Path, suffix: str) -> Iterator[Path]:
    for at, names in layout.walk(folder):
        yield from (at / name for name in names if name.lower().endswith(suffix))


def _videos(folder: Path) -> Iterator[Path]:
    for at, names in layout.walk(folder):
        files = [at / name for name in names if layout.is_video(name)]
        if not files and any(Path(name).suffix.lower() in IMAGE_SUFFIXES for name in names):
            yield at
        yield from files


@dataclass(frozen=True)
class End:
    """The end of a video's results: whole, or the reason why it does not decode."""

    reason: str = ""


def read(
    videos: Iterable[Path], produce: Callable[[Path], Iterator[Any]], config: ConfigDict
) -> Iterator[tuple[Path, Any]]:
    """Yields each video's path with each of the results that `produce` makes of it, then its End.

    Videos are read in threads, ahead of the device but no further than a batch.
    """
    process_pool.set_up_opencv()
    paths = list(videos)
    threads = max(1, min(config.data.threads or process_pool.cores(), len(paths)))

    def results(path: Path) -> Iterator[Any]:
        try:
            yield from produce(path)
            yield End()
        except (VideoError, OSError) as error:
            yield End(str(error) or type(error).__name__)

    yield from read_ahead.in_turn(results, paths, threads, config.eval.batch_size // threads)


def clips(read: Iterator[tuple[Path, Any]]) -> Iterator[tuple[tuple[Path, End | None], Any]]:
    """Yields what was read as `Inference` takes it: (video, None) and its clip, or (video, End)."""
    for path, item in read:
        yield ((path, item), None) if isinstance(item, End) else ((path, None), item)


def windows(read: Iterator[tuple[Path, Any]]) -> Iterator[tuple[tuple[Path, Any], Any]]:
    """Yields what `Cutter` cut as `Inference` takes it: (video, Window) and its clip, or an End."""
    for path, item in read:
        yield ((path, item), None) if isinstance(item, End) else ((path, item[0]), item[1])


def tell(skipped: dict[Path, str], answered: int) -> None:
    """Warns of the videos that are skipped, with the reasons. Raises UserError where all are.

    `answered`: how many are not.
    """
    if not answered and len(skipped) == 1:
        ((path, reason),) = skipped.items()
        raise UserError(f"{path}: {reason}")
    for path, reason in skipped.items():
        logger.warning("skipped %s: %s", path, reason)
    if skipped and not answered:
        raise UserError(f"none of the {len(skipped)} videos can be read: all are skipped")


def modalities_of(config: ConfigDict, class_names: tuple[str, ...]) -> list[Modality]:
    """Returns the modalities that a config's model reads, where its dataset is not at hand."""
    return loading.modalities(loading.without_videos(config.data, class_names), config.data)
