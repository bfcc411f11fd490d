"""What a run writes down while it goes: metrics.jsonl and TensorBoard events."""

import json
import time
from pathlib import Path
from typing import Any

from tensorboardX.event_file_writer import EventsWriter
from tensorboardX.proto.event_pb2 import Event, SessionLog
from tensorboardX.summary import scalar

from jaxvid.runtime import files

METRICS = "metrics.jsonl"


def read_metrics(workdir: Path) -> list[dict[str, Any]]:
    """Returns the lines of a workdir's metrics.jsonl, but for any that a kill or a disk spoilt."""
    path = workdir / METRICS
    if not path.is_file():
        return []
    lines = []
    for text in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            line = json.loads(text)
        except ValueError:
            continue
        if isinstance(line, dict) and "step" in line:
            lines.append(line)
    return lines


class Logs:
    """Writes metrics from a step on; what an interrupted run wrote after that step is forgotten."""

    def __init__(self, workdir: Path, first: int):
        self._workdir, self._place = workdir, files.Place(workdir)
        kept = [line for line in read_metrics(workdir) if line["step"] <= first]
        text = "".join(json.dumps(line) + "\n" for line in kept)
        files.write_text(workdir / METRICS, text)
        self._file = (workdir / METRICS).open("a", encoding="utf-8")
        # Written in this thread: the library's own writer hangs where the disk is full.
        (workdir / "tensorboard").mkdir(exist_ok=True)
        self._events = EventsWriter(str(workdir / "tensorboard" / "events"))
        start = SessionLog(status=SessionLog.START)  # hides what stands after `first` elsewhere
        self._events.write_event(Event(step=first + 1, session_log=start))

    def __enter__(self) -> "Logs":
        return self

    def write(self, step: int, values: dict[str, float]) -> None:
        """Writes named numbers of one step.

        Raises OSError where the disk does not take them, UserError where the workdir is gone.
        """
        self._place.check()  # a file that is deleted takes them all the same
        try:
            self._file.write(json.dumps({"step": step, **values}) + "\n")
            self._file.flush()
            for name, value in values.items():
                event = Event(step=step, wall_time=time.time(), summary=scalar(name, value))
                self._events.write_event(event)
            self._events.flush()
        except OSError as error:  # which does not name the folder
            raise OSError(error.errno, error.strerror, str(self._workdir)) from None

    def __exit__(self, *_: Any) -> None:
        self._file.close()
        self._events.close()
