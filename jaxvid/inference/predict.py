"""Labels for videos: what a workdir's model sees in them, as evaluation would see it."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ml_collections import ConfigDict
from rich.table import Table
from rich.text import Text

from jaxvid.data import loading, pipeline, records
from jaxvid.data.live_source import is_source
from jaxvid.data.modalities import Modality
from jaxvid.data.records import Record
from jaxvid.errors import UserError
from jaxvid.experiment.batched import Inference
from jaxvid.inference import annotate as annotation
from jaxvid.inference import live, video_files
from jaxvid.inference import timeline as timelines
from jaxvid.inference.video_files import End
from jaxvid.runtime import files, progress
from jaxvid.workdir import layout as workdirs

FORMATS = (".csv", ".json")

logger = logging.getLogger(__name__)

Item = tuple[Path, Any]  # a video's path with its clip or its probabilities, then with its End


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

    def segments(self) -> Iterator[tuple[Path, list[timelines.Segment]]]:
        """Yields each video with its label as one segment that lasts for all of it."""
        for video, [(label, share)] in self.top(1):
            yield video, [timelines.Segment(0.0, float("inf"), label, share)]


def run(
    config: ConfigDict,
    folder: Path,
    paths: list[str],
    output: str,
    top: int,
    timeline: bool,
    annotate: str,
) -> int:
    """Labels videos with a workdir's model, shows the `top` labels of each, writes all to `output`.

    `paths`: as `video_files.find` takes them, or one live stream. `output`: a new .csv or .json
    file, or "" for none. `timeline`: every window gets a label of its own. `annotate`: a folder
    for copies of the videos with their labels on them, or "". Returns how many of the videos have
    no label or no copy. Raises UserError for wrong arguments, and where no video has a label.
    """
    streams = [path for path in paths if is_source(path)]
    files.check_new(output, live.FORMATS if streams else FORMATS)
    if top < 1:
        raise UserError(f"--top={top}: at least 1 is wanted")
    if config.eval.shuffle_frames:
        raise UserError("config.eval.shuffle_frames=true: --mode=predict keeps frames in order")
    if streams:
        if len(paths) > 1 or annotate:
            raise UserError(f"{streams[0]} is labelled alone, and without --annotate")
        live.run(config, folder, streams[0], Path(output) if output else None, top)
        return 0
    found = video_files.find(paths, config)
    if not found.videos:
        video_files.tell(found.wrong, answered=0)
    videos, file = list(found.videos), Path(output) if output else None
    copies = annotation.copies(found.videos, Path(annotate)) if annotate else {}
    if timeline:
        labels = timelines.predict(config, folder, videos)
    else:
        labels = predict(config, folder, videos)
    skipped = found.wrong | labels.skipped
    video_files.tell(skipped, len(labels.videos))
    if timeline:
        timelines.show(labels)
    else:
        _show(labels, top)
    if file:
        timelines.write(labels, file) if timeline else write(labels, file, top)
        print(f"the labels of {len(labels.videos)} videos are in {file}")
    if copies:
        skipped |= annotation.annotate(labels.segments(), copies)
    return len(skipped)


def predict(config: ConfigDict, folder: Path, paths: list[Path]) -> Labels:
    """Returns what the model of the workdir `folder` sees in videos; its dataset is not needed.

    The clips and the computation are those of an evaluation under this config. Raises UserError
    for a workdir without a model of it.
    """
    class_names = workdirs.class_names(folder)
    label = _with_sift if config.model.system == "sift" else _with_network
    rows: dict[Path, np.ndarray] = {}
    skipped: dict[Path, str] = {}
    with progress.Bar("labelling", len(paths)) as bar:
        for path, said in label(config, folder, class_names, paths):
            if isinstance(said, End):
                bar.advance()
                if said.reason:
                    skipped[path] = said.reason
            else:
                rows[path] = said
    there = [path for path in paths if path in rows]
    return Labels(class_names, there, np.array([rows[path] for path in there]), skipped)


def _with_network(
    config: ConfigDict, folder: Path, class_names: tuple[str, ...], paths: list[Path]
) -> Iterator[Item]:
    modalities = video_files.modalities_of(config, class_names)
    network = Inference(config, folder, wanted=("probabilities",))
    settings = loading.clip_settings(config.data)

    def clip(path: Path) -> Iterator[Any]:
        yield pipeline.eval_clip(_video(path, modalities), settings, config.eval.views)

    for (path, end), said in network(video_files.clips(video_files.read(paths, clip, config))):
        yield path, end or said["probabilities"]


def _with_sift(
    config: ConfigDict, folder: Path, class_names: tuple[str, ...], paths: list[Path]
) -> Iterator[Item]:
    from jaxvid.classical.evaluate import labeller
    from jaxvid.classical.experiment import check, no_inner_threads

    check(config)
    modalities = video_files.modalities_of(config, class_names)
    score = labeller(config, folder, len(class_names))

    def scored(path: Path) -> Iterator[np.ndarray]:
        yield score(_video(path, modalities))

    with no_inner_threads():
        yield from video_files.read(paths, scored, config)


def _video(path: Path, modalities: list[Modality]) -> list[tuple[Modality, Record]]:
    return [(modality, records.decode(path, modality)) for modality in modalities]


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


def _show(labels: Labels, top: int) -> None:
    table = Table()
    table.add_column("video", overflow="fold")
    table.add_column("label", overflow="fold")
    table.add_column("probability", justify="right")
    for video, best in labels.top(top):
        names = Text("\n".join(name for name, _ in best))
        shares = "\n".join(f"{share:.1%}" for _, share in best)
        table.add_row(Text(str(video)), names, shares, end_section=top > 1)
    timelines.wide_console().print(table)
