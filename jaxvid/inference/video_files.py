"""Videos outside a dataset: found by name, read side by side, and what a model computes of them.

A video is a file, a folder of frames or a file of joints. One that cannot be read is kept with the
reason, and the others are processed.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from ml_collections import ConfigDict

from jaxvid.data import loading
from jaxvid.data.datasets import layout
from jaxvid.data.modalities import Modality, Skeletons
from jaxvid.data.video import VideoError
from jaxvid.data.windows import Cutter
from jaxvid.errors import UserError
from jaxvid.experiment.batched import Inference
from jaxvid.experiment.memory import MOST
from jaxvid.runtime import process_pool, read_ahead

Place = TypeVar("Place")  # of a clip in its video, such as a Window
Outputs = dict[str, np.ndarray]
Cut = Callable[[Path], Iterator[tuple[Place, Any]]]
Forward = Callable[[Iterable[tuple[Any, Any]]], Iterator[tuple[Any, Outputs]]]
Done = Callable[[Path], object]


def ignore(video: Path) -> None:
    """The `Done` of a caller that shows no progress."""


@dataclass(frozen=True)
class Found:
    """Each video's path with its path below the argument, and the reasons for invalid arguments.

    `left_out`: the number of files in folders that are no videos, by their suffix.
    """

    videos: dict[Path, Path]
    invalid: dict[Path, str]
    left_out: Counter[str]


def find(paths: Iterable[str], config: ConfigDict) -> Found:
    """Returns the files among `paths`, and the videos below its folders.

    Each once, in the order of `paths`, sorted by name within a folder, without hidden ones. Videos
    below a folder: files with the suffix of a video, and folders that hold images and no video; for
    a model that reads files of joints, those. Raises UserError where no path is given.
    """
    clips = loading.clips_of(config.data)
    videos: dict[Path, Path] = {}
    invalid: dict[Path, str] = {}
    left_out: Counter[str] = Counter()
    for path in map(Path, paths):
        if path.is_dir():
            others: Counter[str] = Counter()
            inside = layout.search(path, others, clips)
            left_out += others
            if not inside:
                there = f", but {layout.kinds(others)}" if others else ""
                invalid[path] = f"it holds no {clips.name}{there}"
            for each in inside:
                name = Path(path.name or path.resolve().name)
                videos.setdefault(each, each.relative_to(path) if each != path else name)
        elif not path.exists():
            invalid[path] = "it does not exist"
        elif clips is not layout.VIDEOS and layout.is_video(path.name):
            invalid[path] = f"the model reads joints and no videos: it must be a {clips.name}"
        else:
            videos.setdefault(path, Path(path.name))
    if not videos and not invalid:
        raise UserError("no video is named: name files or folders of them")
    return Found(videos, invalid, left_out)


def outputs_of(videos: dict[Path, Path], folder: Path, suffix: str) -> dict[Path, Path]:
    """Returns the output file of each of the videos that `find` found, by its path below `folder`.

    Raises UserError where two videos would have the same.
    """
    videos_of: dict[Path, Path] = {}
    for path, below in videos.items():
        name = folder / below.with_name(below.name.removesuffix(suffix) + suffix)
        if (other := videos_of.setdefault(name, path)) != path:
            raise UserError(f"{other} and {path} would both be {name}: name a folder above both")
    return {path: name for name, path in videos_of.items()}


def joints_of(config: ConfigDict) -> Skeletons | None:
    """Returns what reads files of joints, for a model that reads those; None for others."""
    if loading.clips_of(config.data) is layout.VIDEOS:
        return None
    [joints] = modalities_of(config, ())
    assert isinstance(joints, Skeletons)
    return joints


@dataclass(frozen=True)
class _End:
    reason: str = ""  # why the video does not decode


def infer(
    forward: Forward,
    cut: Cut[Place],
    config: ConfigDict,
    videos: Iterable[Path],
    skipped: dict[Path, str],
    done: Done = ignore,
    ahead: int = MOST,
) -> Iterator[tuple[Path, Place, Outputs]]:
    """Yields (video, place, outputs) for the clips of videos, which `cut` yields as (place, clip).

    `forward`: an `Inference` with its batch size. Videos are decoded in processes and cut in
    threads, up to `ahead` clips ahead of it. At the end of each one, `done(video)` is called, after
    the reason is added to `skipped` where the video does not decode.
    """
    process_pool.set_up_opencv()
    paths = list(videos)
    threads = max(1, min(config.data.threads or process_pool.cores(), len(paths)))

    def clips(path: Path) -> Iterator[tuple[tuple[Path, Place | _End], Any]]:
        try:
            for place, clip in cut(path):
                yield (path, place), clip
            yield (path, _End()), None
        except (VideoError, OSError) as error:
            yield (path, _End(str(error) or type(error).__name__)), None

    read = read_ahead.in_turn(clips, paths, threads, ahead // threads)
    for (path, place), outputs in forward(item for _, item in read):
        if not isinstance(place, _End):
            yield path, place, outputs
            continue
        if place.reason:
            skipped[path] = place.reason
        done(path)


def collect(
    forward: Forward,
    cut: Cut[Place],
    config: ConfigDict,
    videos: Iterable[Path],
    done: Done = ignore,
    ahead: int = MOST,
) -> tuple[dict[Path, list[tuple[Place, Outputs]]], dict[Path, str]]:
    """Returns the (place, outputs) of each video's clips, and the reasons for those skipped."""
    rows: dict[Path, list[tuple[Place, Outputs]]] = {path: [] for path in videos}
    skipped: dict[Path, str] = {}
    for path, place, outputs in infer(forward, cut, config, rows, skipped, done, ahead):
        rows[path].append((place, outputs))
    return {path: each for path, each in rows.items() if path not in skipped}, skipped


def windows(
    network: Inference, names: Sequence[str], videos: Iterable[Path], done: Done = ignore
) -> tuple[dict[Path, Outputs], dict[Path, str]]:
    """Returns `times` (W, 2), seconds, and the outputs `names` (W, ...) of each video's windows.

    And the reasons for the videos skipped.
    """
    modalities = modalities_of(network.config, network.class_names)
    cutter, size = cutter_of(network.config), network.batch_size()

    def forward(clips: Iterable[tuple[Any, Any]]) -> Iterator[tuple[Any, Outputs]]:
        for key, outputs in network(clips, size):
            yield key, {name: outputs[name] for name in outputs if name in names}

    cut = partial(cutter.of_file, modalities=modalities)
    rows, skipped = collect(forward, cut, network.config, videos, done, size)
    found = {}
    for path, each in rows.items():
        arrays = {name: np.stack([outputs[name] for _, outputs in each]) for name in names}
        found[path] = {"times": np.stack([window.times for window, _ in each]), **arrays}
    return found, skipped


def modalities_of(config: ConfigDict, class_names: tuple[str, ...]) -> list[Modality]:
    """Returns the modalities that a config's model reads; its dataset is not read."""
    return loading.modalities(loading.without_videos(config, class_names), config.data)


def cutter_of(config: ConfigDict) -> Cutter:
    """Returns how a config cuts videos into windows."""
    return Cutter.of(config.windows, loading.clip_settings(config))
