"""Labels over time: what a workdir's network sees in each window of long videos."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ml_collections import ConfigDict
from rich.console import Console
from rich.table import Table
from rich.text import Text

from jaxvid.data import loading
from jaxvid.data.windows import Cutter
from jaxvid.errors import UserError
from jaxvid.experiment.batched import Inference
from jaxvid.inference import video_files
from jaxvid.runtime import files, progress

COLUMNS = ("video", "start", "end", "label", "probability")


@dataclass(frozen=True)
class Segment:
    """A stretch of a video under one label, seconds, with the label's mean probability."""

    start: float
    end: float
    label: str
    probability: float


@dataclass(frozen=True)
class Spans:
    """The windows of a video: when they are, (W, 2) seconds, and their probabilities, (W, N)."""

    times: np.ndarray
    probabilities: np.ndarray

    def borders(self) -> np.ndarray:
        """Returns where one window's stretch of the video ends and the next begins, (W + 1,).

        Half-way between the middles of neighbours, which may overlap; for windows side by side that
        is where they meet.
        """
        middles = self.times.mean(axis=1)
        between = (middles[1:] + middles[:-1]) / 2
        return np.concatenate([self.times[:1, 0], between, self.times[-1:, 1]])

    def segments(self, class_names: tuple[str, ...]) -> list[Segment]:
        """Returns the windows' stretches, neighbours of one label as one."""
        best, borders = self.probabilities.argmax(axis=1), self.borders()
        starts = np.flatnonzero(np.diff(best, prepend=-1))
        ends = np.append(starts[1:], len(best))
        return [
            Segment(
                float(borders[first]),
                float(borders[last]),
                class_names[best[first]],
                float(self.probabilities[first:last, best[first]].mean()),
            )
            for first, last in zip(starts, ends, strict=True)
        ]


@dataclass(frozen=True)
class Timelines:
    """The windows of videos, and the reasons for those skipped."""

    class_names: tuple[str, ...]
    spans: dict[Path, Spans]
    skipped: dict[Path, str]

    @property
    def videos(self) -> list[Path]:
        return list(self.spans)

    def segments(self) -> Iterator[tuple[Path, list[Segment]]]:
        """Yields each video with its segments."""
        for video, spans in self.spans.items():
            yield video, spans.segments(self.class_names)

    def rows(self) -> Iterator[tuple[str, float, float, str, float]]:
        """Yields video, start, end, label and probability of each window."""
        for video, spans in self.spans.items():
            for (start, end), shares in zip(spans.times, spans.probabilities, strict=True):
                best = int(shares.argmax())
                share = round(float(shares[best]), 6)
                yield str(video), round(start, 3), round(end, 3), self.class_names[best], share


def predict(config: ConfigDict, folder: Path, paths: list[Path]) -> Timelines:
    """Returns what the network of the workdir `folder` sees in the windows of videos.

    In memory are a window of each video that is being read, a batch, and the probabilities. Raises
    UserError for a workdir without a network of this config.
    """
    if config.model.system == "sift":
        raise UserError("--timeline labels windows with a network; the system sift has none")
    network = Inference(config, folder, wanted=("probabilities",))
    modalities = video_files.modalities_of(config, network.class_names)
    cutter = Cutter.of(config.windows, loading.clip_settings(config.data))
    rows: dict[Path, list[tuple[np.ndarray, np.ndarray]]] = {path: [] for path in paths}
    skipped: dict[Path, str] = {}
    with progress.Bar("labelling", len(paths)) as bar:
        read = video_files.read(paths, lambda path: cutter.of_file(path, modalities), config)
        for (path, item), said in network(video_files.windows(read)):
            if not isinstance(item, video_files.End):
                rows[path].append((item.times, said["probabilities"]))
                continue
            bar.advance()
            if item.reason:
                skipped[path] = item.reason
    spans = {
        path: Spans(*(np.stack(arrays) for arrays in zip(*rows[path], strict=True)))
        for path in paths
        if path not in skipped
    }
    return Timelines(network.class_names, spans, skipped)


def write(timelines: Timelines, file: Path) -> None:
    """Writes a row per window as CSV, or a list of them as JSON."""
    if file.suffix.lower() == ".json":
        items = [dict(zip(COLUMNS, row, strict=True)) for row in timelines.rows()]
        files.write_json(file, items)
    else:
        files.write_csv(file, COLUMNS, timelines.rows())


def show(timelines: Timelines) -> None:
    """Prints the segments of each video."""
    table = Table()
    table.add_column("video", overflow="fold")
    table.add_column("from", justify="right")
    table.add_column("to", justify="right")
    table.add_column("label", overflow="fold")
    table.add_column("probability", justify="right")
    for video, segments in timelines.segments():
        for i, segment in enumerate(segments):
            table.add_row(
                Text("" if i else str(video)),
                clock(segment.start),
                clock(segment.end),
                Text(segment.label),
                f"{segment.probability:.1%}",
                end_section=i == len(segments) - 1,
            )
    wide_console().print(table)


def wide_console() -> Console:
    """Returns a console as wide as the terminal or, in a pipe, as what reads it wants: whole."""
    return Console() if Console().is_terminal else Console(width=10_000)


def clock(seconds: float) -> str:
    """Returns a time as hours, minutes and seconds with a tenth, as far as there are any."""
    tenths = round(seconds * 10)
    minutes, tenths = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    text = f"{minutes}:{tenths // 10:02d}.{tenths % 10}"
    return f"{hours}:{text.zfill(7)}" if hours else text
