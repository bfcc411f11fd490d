"""Mode predict: labels of videos, of their windows, or of a camera or stream."""

import csv
import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from ml_collections import ConfigDict
from rich.live import Live
from rich.text import Text

from jaxvid.cli.command import Command, check_trained
from jaxvid.cli.printing import bar, clock, console, find, table, warn_left_out, warn_skipped
from jaxvid.data.live_source import is_source
from jaxvid.data.modalities import Skeletons
from jaxvid.data.video import VideoError
from jaxvid.data.windows import Window
from jaxvid.errors import UserError
from jaxvid.inference import annotate, live, predict, timeline, video_files
from jaxvid.inference.predict import Labels
from jaxvid.inference.timeline import Segment, Timelines
from jaxvid.runtime import files
from jaxvid.runtime.signals import Signals

FORMATS = (".csv", ".json")
LIVE_FORMATS = (".csv",)
KEPT = 8  # windows of a stream that stay on the screen
COLUMNS = ("from", "to", "label", "probability")

logger = logging.getLogger(__name__)


def run(command: Command, signals: Signals) -> int:
    """Labels videos, shows the `top` labels of each, and writes all to a new file `output`.

    `timeline`: every window gets a label. `annotate`: a folder for copies of the videos with their
    labels, or "". Returns 1 where a video has no label or no copy. Raises UserError for invalid
    input, and where no video has a label.
    """
    check_trained(command)
    config: ConfigDict = command.config
    options, paths = command.options, command.arguments
    top, output = options["top"], options["output"]
    streams = [path for path in paths if is_source(path)]
    files.check_new(output, LIVE_FORMATS if streams else FORMATS)
    if top < 1:
        raise UserError(f"--top={top}: must be at least 1")
    if config.eval.shuffle_frames:
        raise UserError("config.eval.shuffle_frames=true: --mode=predict keeps frames in order")
    if streams:
        if len(paths) > 1 or options["annotate"]:
            raise UserError(f"{streams[0]} is labelled alone, and without --annotate")
        _label_stream(config, command.workdir, streams[0], output, top)
        return 0
    found = find(paths, config)
    folder = options["annotate"]
    copies = annotate.copies(found.videos, Path(folder)) if folder else {}
    label = timeline.predict if options["timeline"] else predict.predict
    with bar("labelling", len(found.videos)) as done:
        labels = label(config, command.workdir, found.videos, done)
    skipped = found.invalid | labels.skipped
    warn_left_out(found)
    warn_skipped(skipped, len(labels.videos))
    if isinstance(labels, Timelines):
        _show_timelines(labels)
    else:
        _show_labels(labels, top)
    if output:
        if isinstance(labels, Timelines):
            labels.write(Path(output))
        else:
            labels.write(Path(output), top)
        print(f"the labels of {len(labels.videos)} videos are in {output}")
    if copies:
        skipped |= _annotate(labels.segments(), copies, video_files.joints_of(config))
    return int(bool(skipped))


def _show_labels(labels: Labels, top: int) -> None:
    shown = table(("video", "label", "probability"))
    for video, best in labels.top(top):
        shown.add_row(Text(str(video)), *_lines(best), end_section=top > 1)
    console().print(shown)


def _lines(best: Iterable[tuple[str, float]]) -> tuple[Text, str]:
    names, shares = zip(*best, strict=True)
    return Text("\n".join(names)), "\n".join(f"{share:.1%}" for share in shares)


def _show_timelines(timelines: Timelines) -> None:
    shown = table(("video", *COLUMNS))
    for video, segments in timelines.segments():
        for i, each in enumerate(segments):
            shown.add_row(
                Text("" if i else str(video)),
                clock(each.start),
                clock(each.end),
                *_lines([(each.label, each.probability)]),
                end_section=i == len(segments) - 1,
            )
    console().print(shown)


def _annotate(
    labelled: Iterable[tuple[Path, list[Segment]]],
    copies: dict[Path, Path],
    joints: Skeletons | None,
) -> dict[Path, str]:
    """Writes the copies of videos with their labels; returns the reasons for those without."""
    failed: dict[Path, str] = {}
    for path, segments in labelled:
        try:
            annotate.write(path, segments, copies[path], joints)
            print(f"{copies[path]} is {path} with its labels")
        except VideoError as error:
            failed[path] = str(error)
            logger.warning("no copy of %s: %s", path, error)
    return failed


def _label_stream(config: ConfigDict, workdir: Path, name: str, output: str, top: int) -> None:
    """Shows the labels of each window until the stream ends or Ctrl-C; writes a row per window."""
    with ExitStack() as stack:
        windows = stack.enter_context(live.labelled(config, workdir, name, top))
        rows = None
        if output:
            Path(output).parent.mkdir(parents=True, exist_ok=True)
            # Not written aside and renamed: other programs may read it while it grows.
            new = Path(output).open("x", newline="", encoding="utf-8", buffering=1)  # noqa: SIM115
            rows = csv.writer(stack.enter_context(new), lineterminator="\n")
            rows.writerow(timeline.COLUMNS)
        show = stack.enter_context(_shown(name))
        try:
            for window, labels in windows:
                show(window, labels)
                if rows:
                    times = f"{window.start:.3f}", f"{window.end:.3f}"
                    rows.writerow((name, *times, labels[0][0], f"{labels[0][1]:.6f}"))
        except KeyboardInterrupt:  # the way to end it
            pass
    if output:
        print(f"the labels are in {output}")


@contextmanager
def _shown(name: str) -> Iterator[Callable[[Window, live.Labels], None]]:
    """Gives what shows a window: a table that is drawn again on a terminal, a line in a pipe."""
    screen = console()
    last: deque[tuple[Window, live.Labels]] = deque(maxlen=KEPT)

    def line(window: Window, labels: live.Labels) -> None:
        shares = ", ".join(f"{label} {share:.1%}" for label, share in labels)
        times = f"{clock(window.start)} - {clock(window.end)}"
        screen.print(f"{times}  {shares}", highlight=False, markup=False)

    if not screen.is_terminal:
        yield line
        return
    with Live(console=screen, auto_refresh=False) as drawn:

        def draw(window: Window, labels: live.Labels) -> None:
            last.append((window, labels))
            shown = table(COLUMNS, Text(f"{name}, Ctrl-C ends it"))
            for at, best in last:
                # All labels of the newest window, one of those before.
                best = best if at is window else best[:1]
                shown.add_row(clock(at.start), clock(at.end), *_lines(best))
            drawn.update(shown, refresh=True)

        yield draw
