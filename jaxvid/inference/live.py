"""Labels for a camera or a stream, window by window, for as long as it runs."""

import csv
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
from ml_collections import ConfigDict
from rich.live import Live
from rich.table import Table
from rich.text import Text

from jaxvid.data import loading
from jaxvid.data.live_source import Camera
from jaxvid.data.windows import Cutter, Window
from jaxvid.errors import UserError
from jaxvid.experiment.batched import Inference
from jaxvid.inference import timeline, video_files
from jaxvid.inference.timeline import wide_console
from jaxvid.runtime import process_pool

KEPT = 8  # windows that stay on the screen
FORMATS = (".csv",)


def run(config: ConfigDict, folder: Path, name: str, file: Path | None, top: int) -> None:
    """Shows the `top` labels of the last window of a camera or stream until it ends or Ctrl-C.

    `file`: a new .csv file that gets a row per window as it comes, or None. Where the network takes
    longer than the stride, windows of what does not wait are left out: what is shown is now. Raises
    UserError for a stream that cannot be opened, and a model that does not read pictures.
    """
    if config.model.system == "sift":
        raise UserError(f"{name} is labelled by a network; the system sift has none")
    if "skeleton" in config.data.modality:
        raise UserError(f"the model in {folder} reads joints, and {name} shows pictures")
    process_pool.set_up_opencv()
    with Camera(name) as camera, ExitStack() as stack:
        network = Inference(config, folder, wanted=("probabilities",))
        rows = csv.writer(stack.enter_context(_new(file)), lineterminator="\n") if file else None
        if rows:
            rows.writerow(timeline.COLUMNS)
        show = stack.enter_context(_shown(name, top))
        try:
            for window, shares in _scored(camera, config, network):
                best = np.argsort(-shares, kind="stable")[:top]
                labels = [(network.class_names[i], float(shares[i])) for i in best]
                show(window, labels)
                if rows:
                    label, share = labels[0]
                    rows.writerow(
                        (name, f"{window.start:.3f}", f"{window.end:.3f}", label, f"{share:.6f}")
                    )
        except KeyboardInterrupt:  # the way to end it
            pass
    if file:
        print(f"the labels are in {file}")


def _scored(
    camera: Camera, config: ConfigDict, network: Inference
) -> Iterator[tuple[Window, np.ndarray]]:
    modalities = video_files.modalities_of(config, network.class_names)
    cutter = Cutter.of(config.windows, loading.clip_settings(config.data))
    _, stride = cutter.frames(camera.fps)
    for window, clip in cutter.cut(camera.frames(modalities), modalities, camera.fps):
        if camera.waits or camera.behind <= stride / cutter.rate(camera.fps):
            ((_, said),) = network([(window, clip)])
            yield window, said["probabilities"]


@contextmanager
def _new(file: Path) -> Iterator:
    file.parent.mkdir(parents=True, exist_ok=True)
    # Not written aside and renamed: it is there to be read while it grows.
    with file.open("x", newline="", encoding="utf-8", buffering=1) as opened:
        yield opened


@contextmanager
def _shown(name: str, top: int) -> Iterator:
    """Gives what shows a window: a table that is drawn anew on a terminal, a line in a pipe."""
    screen, last = wide_console(), deque(maxlen=KEPT)

    def line(window: Window, labels: list[tuple[str, float]]) -> None:
        shares = ", ".join(f"{label} {share:.1%}" for label, share in labels)
        times = f"{timeline.clock(window.start)} - {timeline.clock(window.end)}"
        screen.print(f"{times}  {shares}", highlight=False, markup=False)

    if not screen.is_terminal:
        yield line
        return
    with Live(console=screen, auto_refresh=False) as drawn:

        def table(window: Window, labels: list[tuple[str, float]]) -> None:
            last.append((window, labels))
            shown = Table(title=Text(f"{name}, Ctrl-C ends it"))
            shown.add_column("from", justify="right")
            shown.add_column("to", justify="right")
            shown.add_column("label", overflow="fold")
            shown.add_column("probability", justify="right")
            for at, best in last:
                # All labels of the newest window, one of those before.
                best = best if at is window else best[:1]
                shown.add_row(
                    timeline.clock(at.start),
                    timeline.clock(at.end),
                    Text("\n".join(label for label, _ in best)),
                    "\n".join(f"{share:.1%}" for _, share in best),
                )
            drawn.update(shown, refresh=True)

        yield table
