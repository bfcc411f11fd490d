"""Labels over time: the label of each window of long videos."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ml_collections import ConfigDict

from jaxvid.errors import UserError
from jaxvid.experiment.batched import Inference
from jaxvid.inference import video_files
from jaxvid.inference.video_files import Done
from jaxvid.runtime import files

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
    """The windows of a video: their times, (W, 2) seconds, and their probabilities, (W, N)."""

    times: np.ndarray
    probabilities: np.ndarray

    def segments(self, class_names: tuple[str, ...]) -> list[Segment]:
        """Returns the windows' stretches, neighbours of one label as one.

        A stretch ends half-way between the middles of neighbours, which may overlap.
        """
        middles = self.times.mean(axis=1)
        between = (middles[1:] + middles[:-1]) / 2
        borders = np.concatenate([self.times[:1, 0], between, self.times[-1:, 1]])
        best = self.probabilities.argmax(axis=1)
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
    """The windows of videos, and the reasons for the videos skipped."""

    class_names: tuple[str, ...]
    spans: dict[Path, Spans]
    skipped: dict[Path, str]

    @property
    def videos(self) -> list[Path]:
        """The videos that have windows."""
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

    def write(self, file: Path) -> None:
        """Writes a row per window as CSV, or a list of them as JSON."""
        if file.suffix.lower() == ".json":
            items = [dict(zip(COLUMNS, row, strict=True)) for row in self.rows()]
            files.write_json(file, items)
        else:
            files.write_csv(file, COLUMNS, self.rows())


def predict(
    config: ConfigDict, folder: Path, videos: Iterable[Path], done: Done = video_files.ignore
) -> Timelines:
    """Returns the labels of the windows of videos by the network of the workdir `folder`.

    In memory are a window of each video that is being read, a batch, and the probabilities. Raises
    UserError for a workdir without a network of this config.
    """
    if config.model.system == "sift":
        raise UserError("--timeline labels windows with a network; the system sift has none")
    network = Inference(config, folder, wanted=("probabilities",))
    found, skipped = video_files.windows(network, ("probabilities",), videos, done)
    spans = {path: Spans(**arrays) for path, arrays in found.items()}
    return Timelines(network.class_names, spans, skipped)
