"""Labels for video files: what a workdir's model sees in them, as evaluation would see it."""

import logging
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import grain.python as grain
import jax
import numpy as np
from ml_collections import ConfigDict
from rich.console import Console
from rich.table import Table
from rich.text import Text

from jaxvid import files, parallel, progress, workdir
from jaxvid.data import loading, pipeline, prepare
from jaxvid.data.datasets.layout import VIDEO_SUFFIXES, is_video
from jaxvid.data.records import Record
from jaxvid.data.streams import Stream
from jaxvid.data.video import VideoError
from jaxvid.errors import UserError
from jaxvid.evaluate import restore, scoring
from jaxvid.network import Network, open_network

FORMATS = (".csv", ".json")

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Labels:
    """The probabilities of the classes for videos, (B, N), and the reasons for those skipped."""

    class_names: tuple[str, ...]
    videos: list[Path]
    probabilities: np.ndarray
    skipped: dict[Path, str]

    def top(self, count: int) -> Iterator[tuple[Path, list[tuple[str, float]]]]:
        """Yields each video with its `count` most probable labels, the first one first."""
        for video, row in zip(self.videos, self.probabilities, strict=True):
            best = np.argsort(-row, kind="stable")[:count]
            yield video, [(self.class_names[i], float(row[i])) for i in best]


@dataclass(frozen=True)
class _Read:
    path: Path
    content: Any  # what was cut from the video, or None where it does not decode
    reason: str = ""


Video = list[tuple[Stream, Record]]
Readable = Callable[[Callable[[Video], Any]], Iterator[_Read]]


def run(config: ConfigDict, folder: Path, paths: list[str], output: str, top: int) -> None:
    """Labels videos with a workdir's model, shows the `top` labels of each, writes all to `output`.

    `paths`: video files, and folders to search for them. `output`: a new .csv or .json file, or ""
    for none. Raises UserError for what is wrong with them, and where no video decodes.
    """
    if top < 1:
        raise UserError(f"--top={top}: at least 1 is wanted")
    file = Path(output) if output else None
    if file and file.suffix.lower() not in FORMATS:
        raise UserError(f"--output={file}: a name that ends in {' or '.join(FORMATS)} is wanted")
    if file and file.exists():
        raise UserError(f"--output={file} exists already; choose another name, or delete it")
    labels = predict(config, folder, find_videos(paths))
    for path, reason in labels.skipped.items():
        logger.warning("skipped %s: %s", path, reason)
    if not labels.videos:
        count = len(labels.skipped)
        raise UserError(f"none of the videos decodes: {count} of {count} skipped")
    if file:
        write(labels, file, top)
    _show(labels, top)
    if file:
        print(f"the labels of {len(labels.videos)} videos are in {file}")


def find_videos(paths: Iterable[str]) -> list[Path]:
    """Returns the files among `paths`, and those under its folders whose suffix is of a video.

    Each once, in the order of `paths`, by name within a folder. Raises UserError for no path, one
    that does not exist, and a folder without videos.
    """
    found: dict[Path, None] = {}
    for path in map(Path, paths):
        if path.is_dir():
            inside = [p for p in path.rglob("*") if is_video(p.name) and p.is_file()]
            if not inside:
                raise UserError(
                    f"{path} holds no video: no file there ends in {_listed(VIDEO_SUFFIXES)}"
                )
            found |= dict.fromkeys(sorted(inside))
        elif path.exists():
            found[path] = None
        else:
            raise UserError(f"{path} does not exist: a video file or a folder of them is wanted")
    if not found:
        raise UserError("--mode=predict labels the videos that are named: name files or folders")
    return list(found)


def predict(config: ConfigDict, folder: Path, paths: list[Path]) -> Labels:
    """Returns what the model of the workdir `folder` sees in videos; its dataset is not needed.

    The clips and the computation are those of an evaluation under this config. Raises UserError
    for a workdir without a model of it.
    """
    if config.eval.shuffle_frames:
        raise UserError("config.eval.shuffle_frames=true: --mode=predict keeps frames in order")
    class_names = workdir.class_names(folder)
    dataset = loading.without_videos(config.data, class_names)
    streams = loading.streams(dataset, config.data)
    skipped: dict[Path, str] = {}
    with progress.Bar("labelling", len(paths)) as bar:

        def readable(cut: Callable[[Video], Any]) -> Iterator[_Read]:
            for item in _read(paths, streams, cut, config):
                bar.advance()
                if item.reason:
                    skipped[item.path] = item.reason
                else:
                    yield item

        if config.model.system == "sift":
            labelled = _with_sift(config, folder, len(class_names), readable)
        else:
            labelled = _with_network(config, folder, len(class_names), readable)
        rows = dict(labelled)
    return Labels(class_names, list(rows), np.array(list(rows.values())), skipped)


def _with_network(
    config: ConfigDict, folder: Path, classes: int, readable: Readable
) -> Iterator[tuple[Path, np.ndarray]]:
    network = open_network(config, classes)
    _, variables = restore(network, folder)
    score, settings = scoring(network), loading.clip_settings(config.data)
    items = readable(lambda video: pipeline.eval_clip(video, settings, config.eval.views))
    while batch := list(islice(items, config.eval.batch_size)):
        clips = network.devices.put_batch(_stacked(batch, network))
        scored = np.asarray(score(variables, clips))[: len(batch)]
        yield from zip([item.path for item in batch], scored, strict=True)


def _with_sift(
    config: ConfigDict, folder: Path, classes: int, readable: Readable
) -> Iterator[tuple[Path, np.ndarray]]:
    from jaxvid.classical.evaluate import labeller
    from jaxvid.classical.experiment import check, no_inner_threads

    check(config)
    with no_inner_threads():
        for item in readable(labeller(config, folder, classes)):
            yield item.path, item.content


def write(labels: Labels, file: Path, top: int) -> None:
    """Writes labels as CSV, a row per video with a column per class, or as a list in JSON."""
    if file.suffix.lower() == ".json":
        items = [
            {
                "video": str(video),
                "top": [{"label": name, "probability": round(share, 6)} for name, share in best],
                "probabilities": {
                    name: round(float(share), 6)
                    for name, share in zip(labels.class_names, row, strict=True)
                },
            }
            for (video, best), row in zip(labels.top(top), labels.probabilities, strict=True)
        ]
        files.write_json(file, items)
        return
    rows = [
        [str(video), name, f"{share:.6f}", *(f"{each:.6f}" for each in row)]
        for (video, [(name, share)]), row in zip(labels.top(1), labels.probabilities, strict=True)
    ]
    files.write_csv(file, ("video", "predicted", "probability", *labels.class_names), rows)


def _read(
    paths: list[Path], streams: list[Stream], cut: Callable[[Video], Any], config: ConfigDict
) -> Iterator[_Read]:
    def read(path: Path) -> _Read:
        try:
            video = [(stream, prepare.encode(str(path), path, stream)) for stream in streams]
        except (VideoError, OSError) as error:
            return _Read(path, None, str(error) or type(error).__name__)
        return _Read(path, cut(video))

    # Threads decode ahead of the device, no further than a batch: a folder may hold thousands.
    parallel.set_up_opencv()
    threads = min(config.data.threads or os.cpu_count() or 1, len(paths))
    ahead = max(threads, min(config.eval.batch_size, len(paths)))
    options = grain.ReadOptions(num_threads=threads, prefetch_buffer_size=ahead)
    return iter(grain.MapDataset.source(paths).map(read).to_iter_dataset(options))


def _stacked(batch: list[_Read], network: Network) -> Any:
    """Returns the clips of a batch as one, (b, V, ...), the last one repeated up to b.

    b is a power of two for each device, so that few programs are compiled and one clip costs one.
    """
    devices = network.devices.mesh.size
    size = devices
    while size < len(batch):
        size *= 2
    clips = [item.content for item in batch]
    clips += clips[-1:] * (min(size, network.config.eval.batch_size) - len(clips))
    return jax.tree.map(lambda *arrays: np.stack(arrays), *clips)


def _show(labels: Labels, top: int) -> None:
    table = Table()
    table.add_column("video", overflow="fold")
    table.add_column("label", overflow="fold")
    table.add_column("probability", justify="right")
    for video, best in labels.top(top):
        names = Text("\n".join(name for name, _ in best))
        shares = "\n".join(f"{share:.1%}" for _, share in best)
        table.add_row(Text(str(video)), names, shares, end_section=top > 1)
    # A pipe has no width to fit into, and what reads it wants whole paths.
    console = Console() if Console().is_terminal else Console(width=10_000)
    console.print(table)


def _listed(names: Iterable[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} or {last}"
